"""A private Stripe and Postgres to rehearse on, loopback only."""
