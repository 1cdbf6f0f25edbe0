"""Asks Stripe to deliver an event again, as the Stripe CLI's `events resend` does."""

import time
from typing import Any

import stripe

from billing_cli.adapters.stripe.bodies import decoded
from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import answer_of, billing_error, unproved
from billing_cli.adapters.stripe.write_client import write_connections
from billing_cli.domain.answer import Answer, Expected, Proof, proof_of
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.permit import Permit
from billing_cli.domain.replay import Delivery, ReplayEvent


class StripeEventResender:
    """A success is the event itself: Stripe will deliver it, and the endpoint may still refuse it."""

    def __init__(self, connection: StripeConnection, endpoint_id: str) -> None:
        self._connection = connection
        self._connections = write_connections()
        self._endpoint_id = endpoint_id

    def post(self, event: ReplayEvent, payload: str, permit: Permit) -> Delivery:
        """See `billing_cli.domain.ports.EventPoster.post`."""
        started_s = time.monotonic()
        answer = self._ask(event, permit)
        took_ms = int((time.monotonic() - started_s) * 1000)
        expected = Expected(_kind(payload), {("id",): event.event_id})
        proof = proof_of(answer, expected)
        error = None
        if proof is Proof.REFUSED:
            explained = billing_error(answer)
            if isinstance(explained, Misconfigured):
                raise explained
            error = explained.message
        elif proof is Proof.NOTHING:
            error = unproved(answer, expected)
        return Delivery(event.position, event.event_id, event.event_type, answer.status, took_ms, error)

    def _ask(self, event: ReplayEvent, permit: Permit) -> Answer:
        try:
            made: Any = self._connection.writer(self._connections, permit).raw_request(
                "post", f"/v1/events/{event.event_id}/retry", webhook_endpoint=self._endpoint_id
            )
        except stripe.StripeError as error:
            return answer_of(error)
        return Answer(made.code, made.data, made.request_id)

    def close(self) -> None:
        self._connections.close()


def _kind(payload: str) -> str:
    """The kind of object that the kept event is: thin events have one of their own."""
    kept = decoded(payload)
    return str(kept.get("object", "event")) if isinstance(kept, dict) else "event"
