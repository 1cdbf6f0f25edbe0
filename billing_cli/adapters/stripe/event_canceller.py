"""Cancels meter events, and what each answer proves about one."""

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.adapters.stripe.single_sender import SingleSender
from billing_cli.domain.answer import Answer, Expected
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.permit import Permit

# Stripe takes 25 calls a second to one endpoint; a little less is never refused.
CANCELLATIONS_PER_S = 24.0


class StripeEventCanceller(SingleSender):
    """One cancellation a request."""

    def __init__(self, connection: StripeConnection, permit: Permit) -> None:
        super().__init__(connection, permit, CANCELLATIONS_PER_S)

    @staticmethod
    def exchange(session: PostSession, event: MeterEvent) -> Exchange:
        return _Cancelling(session, event)


class _Cancelling(Exchange):
    """Cancels one event by its identifier.

    A refusal leaves the event counted only if no try before, here or in an earlier run, may have cancelled it.
    """

    done = Outcome.CANCELLED

    def __init__(self, session: PostSession, event: MeterEvent) -> None:
        super().__init__(event)
        self._session = session
        self._keys = 1

    async def ask(self) -> Answer:
        form = {
            "type": "cancel",
            "event_name": self.event.event_name,
            "cancel[identifier]": self.event.identifier,
        }
        return await self._session.post_form("/v1/billing/meter_event_adjustments", form, self._key)

    @property
    def expected(self) -> Expected:
        fields = {("event_name",): self.event.event_name, ("cancel", "identifier"): self.event.identifier}
        return Expected("billing.meter_event_adjustment", fields)

    @property
    def _key(self) -> str:
        """The same until Stripe answers 5xx, so that it repeats a lost answer, in the next run too.

        A 5xx is kept under its key for a day: after it, a new one.
        """
        return f"{self.event.identifier}.cancel.{self.event.attempts + self._keys - 1}"

    def note(self, answer: Answer) -> None:
        super().note(answer)
        if (answer.status or 0) >= 500:
            self._keys += 1

    @property
    def counted_tries(self) -> int:
        """How many keys were used: attempts go on from there."""
        return self._keys

    def refused(self, answer: Answer) -> Outcome:
        return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REFUSED
