"""Sends meter events (v1) and says what each answer proves."""

from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange, is_duplicate
from billing_cli.adapters.stripe.single_sender import SingleSender
from billing_cli.domain.batch import MeterEvent, Outcome

# Calls a second that Stripe takes in live mode.
_LIVE_PER_S = 1000.0


class StripeMeterEventSender(SingleSender):
    """One meter event a request, under the event's identifier."""

    def __init__(self, connection: StripeConnection) -> None:
        super().__init__(connection, _LIVE_PER_S)

    @staticmethod
    def exchange(client: stripe.StripeClient, event: MeterEvent) -> Exchange:
        return _Sending(client, event)


class _Sending(Exchange):
    """Sends one event under its identifier.

    The outcome is rejected only if no try, here or in an earlier run, may have been counted before;
    Stripe's refusal of a repetition proves nothing about the first one.
    """

    done = Outcome.ACCEPTED

    def __init__(self, client: stripe.StripeClient, event: MeterEvent) -> None:
        super().__init__(event)
        self._stripe = client
        self._params: stripe.params.billing.MeterEventCreateParams = {
            "event_name": event.event_name,
            "identifier": event.identifier,
            "timestamp": event.timestamp,
            "payload": {event.customer_key: event.stripe_customer_id, event.value_key: event.value},
        }

    async def ask(self) -> Any:
        # A new key for every try: Stripe replays a stored 500 for 24 h; the identifier deduplicates.
        key = f"{self.event.identifier}.{self.event.attempts}.{self.tries}"
        return await self._stripe.v1.billing.meter_events.create_async(self._params, {"idempotency_key": key})

    def refused(self, error: stripe.StripeError) -> Outcome:
        if is_duplicate(error):
            return Outcome.ACCEPTED
        return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REJECTED
