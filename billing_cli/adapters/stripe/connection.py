"""How we connect to Stripe: which addresses, which client, and no retries but our own."""

import logging
from dataclasses import dataclass, field

import stripe
from stripe import _util
from stripe._base_address import BaseAddresses

from billing_cli.adapters.stripe.pace import Pace
from billing_cli.adapters.stripe.paced_client import PacedClient

# Its log would have whole answers in it, and so the token of a meter event session. STRIPE_LOG in the environment
# turns it on behind our back, and has stripe-python write to stderr whatever the level of the logger is.
stripe.log = None
_util.STRIPE_LOG = None
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclass(frozen=True)
class StripeConnection:
    """A key and where it is used; `api_base` and `meter_events_base` only for tests and sandboxes."""

    key: str = field(repr=False)
    api_version: str | None = None
    api_base: str | None = None
    meter_events_base: str | None = None
    pace: Pace = field(default_factory=Pace, repr=False, compare=False)

    def client(self, http_client: stripe.HTTPClient | None = None) -> stripe.StripeClient:
        """An SDK client that retries nothing by itself: what is repeated is decided in one place."""
        addresses: BaseAddresses = {}
        if self.api_base:
            addresses["api"] = self.api_base
        if self.meter_events_base:
            addresses["meter_events"] = self.meter_events_base
        return stripe.StripeClient(
            self.key,
            stripe_version=self.api_version,
            base_addresses=addresses,
            http_client=http_client or PacedClient(self.pace),
            max_network_retries=0,
        )
