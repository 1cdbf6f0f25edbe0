"""Asks Stripe to deliver an event again, as the Stripe CLI's `events resend` does."""

import time

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import answer_of, billing_error
from billing_cli.adapters.stripe.write_client import write_connections
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.permit import Permit
from billing_cli.domain.replay import Delivery, ReplayEvent


class StripeEventResender:
    """A 2xx says that Stripe will deliver it, not that the endpoint took it."""

    def __init__(self, connection: StripeConnection, endpoint_id: str) -> None:
        self._connection = connection
        self._connections = write_connections()
        self._endpoint_id = endpoint_id

    def post(self, event: ReplayEvent, payload: str, permit: Permit) -> Delivery:
        """See `billing_cli.domain.ports.EventPoster.post`."""
        started_s = time.monotonic()
        error = None
        try:
            answer = self._connection.writer(self._connections, permit).raw_request(
                "post", f"/v1/events/{event.event_id}/retry", webhook_endpoint=self._endpoint_id
            )
            status: int | None = answer.code
        except stripe.StripeError as failure:
            explained = billing_error(answer_of(failure))
            if isinstance(explained, Misconfigured):
                raise explained from None
            status, error = failure.http_status, explained.message
        took_ms = int((time.monotonic() - started_s) * 1000)
        return Delivery(event.position, event.event_id, event.event_type, status, took_ms, error)

    def close(self) -> None:
        self._connections.close()
