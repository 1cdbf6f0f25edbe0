"""Usage on its way to Stripe: who is subscribed, and who sends it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.billing_period import SubscribedItem
from billing_cli.domain.meter import MeterRoute


class SubscriptionReader(Protocol):
    """Who is billed for a meter, and up to where it was invoiced: GET requests only."""

    def items(
        self, routes: Sequence[MeterRoute], customer_ids: Sequence[str] | None, since: datetime
    ) -> list[SubscribedItem]:
        """The subscription items that bill these meters, ended ones too; of these customers, or of all.

        Drafts are those of periods that end after `since`. Raises Misconfigured where the key may not read them.
        """
        ...


class UsageSender(Protocol):
    """Tells Stripe of usage by one backend, several parcels at a time. Made and closed inside one event loop."""

    @property
    def parcel_events(self) -> int:
        """How many events go in one request."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether events of one customer and meter must go one after the other."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests may be under way now; it changes with the pace and with what Stripe says."""
        ...

    @property
    def events_per_s(self) -> float | None:
        """The pace at present; None: as fast as Stripe takes it."""
        ...

    def limit(self, events_per_s: float | None, shared_by: int) -> None:
        """No more than that from now on, over `shared_by` senders together; None: as many as Stripe takes."""
        ...

    async def turn(self, events: int) -> None:
        """Waits until a parcel of so many events may be sent; may be cancelled while it waits."""
        ...

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """Try a parcel until the outcome of each event is known or trying is no use.

        Raises Misconfigured when Stripe refuses the key: then nothing can be sent at all.
        """
        ...

    def end(self) -> None:
        """From now on nothing is tried again: what is under way ends with the answer that it gets."""
        ...

    async def close(self) -> None: ...
