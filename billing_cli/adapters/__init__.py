"""The outside world: Stripe and Postgres."""
