"""A private Stripe that remembers: its own process, loopback only, unkind where Stripe is unkind."""
