"""How we connect to Stripe: which addresses, which client, and no retries but our own."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import stripe
from stripe import _util
from stripe._base_address import BaseAddresses

from billing_cli.adapters.stripe.pace import Pace
from billing_cli.adapters.stripe.read_client import ReadClient
from billing_cli.domain.permit import Permit

if TYPE_CHECKING:
    import httpx

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

    def reader(self, posts: str | None = None) -> stripe.StripeClient:
        """An SDK client that reads, and refuses to write; `posts` is a path whose POST changes nothing."""
        return self._client(ReadClient(self.pace, posts))

    def writer(self, connections: "httpx.Client", permit: Permit) -> stripe.StripeClient:
        """An SDK client that writes for as long as the permit lasts."""
        from billing_cli.adapters.stripe.write_client import WriteClient

        return self._client(WriteClient(connections, permit, self.pace))

    def _client(self, http_client: stripe.HTTPClient) -> stripe.StripeClient:
        """It retries nothing by itself: requests are repeated in one place."""
        addresses: BaseAddresses = {}
        if self.api_base:
            addresses["api"] = self.api_base
        if self.meter_events_base:
            addresses["meter_events"] = self.meter_events_base
        return stripe.StripeClient(
            self.key,
            stripe_version=self.api_version,
            base_addresses=addresses,
            http_client=http_client,
            max_network_retries=0,
        )
