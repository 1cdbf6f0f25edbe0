"""What Stripe is asked about the account, its meters and its prices."""

from datetime import datetime
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.doctor import Destinations, WebhookTarget
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.price import Price


class BillingReader(Protocol):
    """What is read from Stripe before a plan: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def meters(self) -> list[StripeMeter]: ...


class PriceReader(BillingReader, Protocol):
    """What is read from Stripe to judge the prices of plans: GET requests only."""

    def price(self, price_id: str) -> Price | None:
        """None where Stripe has none in the key's mode."""
        ...


class SetupReader(PriceReader, Protocol):
    """How the Stripe account is set up: GET requests only."""

    def reach(self) -> datetime:
        """When Stripe answered, by its own clock, in whole seconds. Tries once."""
        ...

    def endpoints(self) -> list[WebhookTarget]: ...

    def destinations(self) -> Destinations: ...
