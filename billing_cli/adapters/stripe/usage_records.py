"""Sends usage records, the way of telling Stripe of usage before meters, and says what each answer proves."""

from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import said
from billing_cli.adapters.stripe.exchange import Exchange
from billing_cli.adapters.stripe.single_sender import SingleSender
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.errors import Misconfigured

# The last version that has them; every other call goes by the present one.
_API_VERSION = "2025-02-24.acacia"
# They have no budget of their own: calls a second that Stripe takes for one endpoint.
_LIVE_PER_S = 25.0


class StripeUsageRecordSender(SingleSender):
    """One record a request."""

    def __init__(self, connection: StripeConnection) -> None:
        super().__init__(connection, _LIVE_PER_S)

    @staticmethod
    def exchange(client: stripe.StripeClient, event: MeterEvent) -> Exchange:
        return _Setting(client, event)


class _Setting(Exchange):
    """Sets what a subscription item has at one timestamp; a repetition overwrites it with the same."""

    done = Outcome.ACCEPTED

    def __init__(self, client: stripe.StripeClient, event: MeterEvent) -> None:
        super().__init__(event)
        self._stripe = client

    async def ask(self) -> Any:
        answer = await self._stripe.raw_request_async(
            "post",
            f"/v1/subscription_items/{self.event.subscription_item}/usage_records",
            quantity=self.event.value,
            timestamp=self.event.timestamp,
            action="set",
            stripe_version=_API_VERSION,
            # New for every try: Stripe replays a stored 500 for 24 h.
            idempotency_key=f"{self.event.identifier}.{self.event.attempts}.{self.tries}",
        )
        return self._stripe.deserialize(answer, api_mode="V1")

    def refused(self, error: stripe.StripeError) -> Outcome:
        """Raises Misconfigured where the account has no usage records any more, and nothing may have been set."""
        if not _has_no_records(error):
            return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REJECTED
        if self.hides_something:
            return Outcome.UNKNOWN
        raise Misconfigured(
            f"This Stripe account takes no usage records any more: {said(error)}",
            'Move the price to a billing meter in Stripe, and take backend = "usage-records" out of billing.toml.',
        ) from error


def _has_no_records(error: stripe.StripeError) -> bool:
    """An address that Stripe does not know; an item that it does not have is answered with a code."""
    code = error.error.code if error.error else None
    return error.http_status == 404 and code is None
