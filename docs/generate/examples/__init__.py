"""Fixed facts, planned and shown by the program itself: behind the pictures in README.md and the snapshots of tables.

Everything has fixed ids and times, so that the same program always shows the same.
"""

from billing_cli.domain.account import StripeIdentity

TEST = StripeIdentity("acct_1QbillingExample0", livemode=False, key_is_live=False)
