"""Sends usage records, Stripe's way before meters, and what each answer proves about one."""

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import words_of
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.paced_sender import key_may_per_s
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.adapters.stripe.single_sender import SingleSender
from billing_cli.domain.answer import Answer, Expected
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.permit import Permit

# The last version that has them; every other call goes by the present one.
_API_VERSION = "2025-02-24.acacia"
# They have no budget of their own: calls a second that Stripe takes for one endpoint.
_LIVE_PER_S = 25.0


class StripeUsageRecordSender(SingleSender):
    """One record a request."""

    def __init__(self, connection: StripeConnection, permit: Permit) -> None:
        super().__init__(connection, permit, key_may_per_s(connection, connection.api_base, _LIVE_PER_S))

    @staticmethod
    def exchange(session: PostSession, event: MeterEvent) -> Exchange:
        return _Setting(session, event)


class _Setting(Exchange):
    """Sets the quantity of a subscription item at one timestamp; a repetition overwrites it with the same."""

    done = Outcome.ACCEPTED

    def __init__(self, session: PostSession, event: MeterEvent) -> None:
        super().__init__(event)
        self._session = session

    async def ask(self) -> Answer:
        event = self.event
        return await self._session.post_form(
            f"/v1/subscription_items/{event.subscription_item}/usage_records",
            {"quantity": event.value, "timestamp": str(event.timestamp), "action": "set"},
            # New for every try: Stripe replays a stored 500 for 24 h.
            f"{event.identifier}.{event.attempts}.{self.tries}",
            _API_VERSION,
        )

    @property
    def expected(self) -> Expected:
        event = self.event
        fields: dict[tuple[str, ...], object] = {
            ("subscription_item",): event.subscription_item,
            ("timestamp",): event.timestamp,
            ("quantity",): int(event.value),
        }
        return Expected("usage_record", fields)

    def refused(self, answer: Answer) -> Outcome:
        """Raises Misconfigured if the account has no usage records any more, and nothing may have been set."""
        if not _has_no_records(answer):
            return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REJECTED
        if self.hides_something:
            return Outcome.UNKNOWN
        raise Misconfigured(
            f"This Stripe account takes no usage records any more: {words_of(answer)}",
            'Move the price to a billing meter in Stripe, and take backend = "usage-records" out of billing.toml.',
        )


def _has_no_records(answer: Answer) -> bool:
    """An address that Stripe does not know; an item that it does not have is answered with a code."""
    return answer.status == 404 and answer.error.get("code") is None
