"""Senders that tell Stripe of one event in a request, those of one customer and meter one after the other."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.paced_sender import PacedSender, key_may_per_s
from billing_cli.domain.batch import MeterEvent, SendResult


class SingleSender(PacedSender, ABC):
    """Many requests at a time over one aiohttp session; made and closed inside one event loop."""

    parcel_events = 1
    ordered = True

    def __init__(self, connection: StripeConnection, live_per_s: float) -> None:
        from billing_cli.adapters.stripe.aiohttp_client import AiohttpClient

        super().__init__(key_may_per_s(connection, connection.api_base, live_per_s))
        self._http = AiohttpClient()
        self._stripe = connection.client(self._http)

    @staticmethod
    @abstractmethod
    def exchange(client: stripe.StripeClient, event: MeterEvent) -> Exchange:
        """What is asked of Stripe for one event."""

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """See `billing_cli.domain.ports.UsageSender.send`: a parcel is one event."""
        return [await self.exchange(self._stripe, event).run(self) for event in parcel]

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]
