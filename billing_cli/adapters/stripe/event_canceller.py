"""Has Stripe forget meter events, and says what each answer proves."""

from collections.abc import Sequence
from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.paced_sender import PacedSender
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult

# Stripe takes 25 calls a second to one endpoint; a little less is never refused.
CANCELLATIONS_PER_S = 24.0


class StripeEventCanceller(PacedSender):
    """Many events at a time over one aiohttp session; made and closed inside one event loop."""

    parcel_events = 1
    ordered = True

    def __init__(self, connection: StripeConnection) -> None:
        from billing_cli.adapters.stripe.aiohttp_client import AiohttpClient

        super().__init__(CANCELLATIONS_PER_S)
        self._http = AiohttpClient()
        self._stripe = connection.client(self._http)

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """See `billing_cli.domain.ports.UsageSender.send`: a parcel is one event."""
        return [await _Cancelling(self._stripe, event).run(self) for event in parcel]

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]


class _Cancelling(Exchange):
    """Cancels one event by its identifier.

    A refusal leaves the event counted only if no try before, here or in an earlier run, may have cancelled it.
    """

    done = Outcome.CANCELLED

    def __init__(self, client: stripe.StripeClient, event: MeterEvent) -> None:
        super().__init__(event)
        self._stripe = client
        self._keys = 1
        self._params: stripe.params.billing.MeterEventAdjustmentCreateParams = {
            "type": "cancel",
            "event_name": event.event_name,
            "cancel": {"identifier": event.identifier},
        }

    async def ask(self) -> Any:
        return await self._stripe.v1.billing.meter_event_adjustments.create_async(
            self._params, {"idempotency_key": self._key}
        )

    @property
    def _key(self) -> str:
        """The same until Stripe answers 5xx, so that it repeats a lost answer, in the next run too.

        A 5xx is kept under its key for a day: after it, a new one.
        """
        return f"{self.event.identifier}.cancel.{self.event.attempts + self._keys - 1}"

    def note(self, error: stripe.StripeError) -> None:
        super().note(error)
        if (error.http_status or 0) >= 500:
            self._keys += 1

    @property
    def counted_tries(self) -> int:
        """How many keys were used: attempts go on from there."""
        return self._keys

    def refused(self, error: stripe.StripeError) -> Outcome:
        return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REFUSED
