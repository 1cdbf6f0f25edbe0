"""Sends meter events (v1), and what each answer proves about one."""

from decimal import Decimal

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange, is_duplicate
from billing_cli.adapters.stripe.paced_sender import key_may_per_s
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.adapters.stripe.single_sender import SingleSender
from billing_cli.domain.answer import Answer, Expected
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.permit import Permit

# Calls a second that Stripe takes in live mode.
_LIVE_PER_S = 1000.0


class StripeMeterEventSender(SingleSender):
    """One meter event a request, under the event's identifier."""

    def __init__(self, connection: StripeConnection, permit: Permit) -> None:
        super().__init__(connection, permit, key_may_per_s(connection, connection.api_base, _LIVE_PER_S))

    @staticmethod
    def exchange(session: PostSession, event: MeterEvent) -> Exchange:
        return _Sending(session, event)


class _Sending(Exchange):
    """Sends one event under its identifier.

    The outcome is rejected only if no try, here or in an earlier run, may have been counted before;
    Stripe's refusal of a repetition proves nothing about the first one.
    """

    done = Outcome.ACCEPTED

    def __init__(self, session: PostSession, event: MeterEvent) -> None:
        super().__init__(event)
        self._session = session

    async def ask(self) -> Answer:
        event = self.event
        form = {
            "event_name": event.event_name,
            "identifier": event.identifier,
            "timestamp": str(event.timestamp),
            f"payload[{event.customer_key}]": event.stripe_customer_id,
            f"payload[{event.value_key}]": event.value,
        }
        # A new key for every try: Stripe replays a stored 500 for 24 h; the identifier deduplicates.
        key = f"{event.identifier}.{event.attempts}.{self.tries}"
        return await self._session.post_form("/v1/billing/meter_events", form, key)

    @property
    def expected(self) -> Expected:
        event = self.event
        return Expected(
            "billing.meter_event",
            {
                ("identifier",): event.identifier,
                ("event_name",): event.event_name,
                ("payload", event.customer_key): event.stripe_customer_id,
                ("payload", event.value_key): Decimal(event.value),
            },
        )

    def refused(self, answer: Answer) -> Outcome:
        if is_duplicate(answer):
            return Outcome.ACCEPTED
        return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REJECTED
