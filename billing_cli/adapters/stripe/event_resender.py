"""Asks Stripe to deliver an event again, as the Stripe CLI's `events resend` does."""

import time

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import billing_error
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.replay import Delivery, ReplayEvent


class StripeEventResender:
    """A 2xx says that Stripe will deliver it, not that the endpoint took it."""

    def __init__(self, connection: StripeConnection, endpoint_id: str) -> None:
        self._stripe = connection.client()
        self._endpoint_id = endpoint_id

    def post(self, event: ReplayEvent, payload: str) -> Delivery:
        """See `billing_cli.domain.ports.EventPoster.post`."""
        started_s = time.monotonic()
        error = None
        try:
            answer = self._stripe.raw_request(
                "post", f"/v1/events/{event.event_id}/retry", webhook_endpoint=self._endpoint_id
            )
            status: int | None = answer.code
        except stripe.StripeError as failure:
            explained = billing_error(failure)
            if isinstance(explained, Misconfigured):
                raise explained from None
            status, error = failure.http_status, explained.message
        took_ms = int((time.monotonic() - started_s) * 1000)
        return Delivery(event.position, event.event_id, event.event_type, status, took_ms, error)

    def close(self) -> None:
        """The SDK keeps its connections."""
