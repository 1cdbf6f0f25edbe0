"""Senders of one event a request, those of one customer and meter one after the other."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.paced_sender import PacedSender
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.permit import Permit


class SingleSender(PacedSender, ABC):
    """Many requests at a time over one session; made and closed inside one event loop."""

    parcel_events = 1
    ordered = True

    def __init__(self, connection: StripeConnection, permit: Permit, may_per_s: float | None) -> None:
        super().__init__(may_per_s)
        self._session = PostSession(connection, permit)

    @staticmethod
    @abstractmethod
    def exchange(session: PostSession, event: MeterEvent) -> Exchange:
        """The request for one event."""

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """See `billing_cli.domain.ports.UsageSender.send`: a parcel is one event."""
        return [await self.exchange(self._session, event).run(self) for event in parcel]

    async def close(self) -> None:
        await self._session.close()
