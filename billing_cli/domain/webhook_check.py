"""Judging one webhook: its signature, what may have happened to it, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing_cli.domain.captured_request import Captured
from billing_cli.domain.errors import BadInput
from billing_cli.domain.webhook_accident import explain
from billing_cli.domain.webhook_event import WebhookEvent, read_event
from billing_cli.domain.webhook_shape import named_shape
from billing_cli.domain.webhook_signature import Failure, Verdict, read_header, verify


@dataclass(frozen=True)
class WebhookCheck:
    """`verifies_when`: the change to undo for the signature to fit; `shape`: a sentence about another body.

    `unreadable`: signed, but no event.
    """

    verdict: Verdict
    event: WebhookEvent | None
    verifies_when: str | None = None
    unreadable: str | None = None
    shape: str | None = None

    @property
    def believed(self) -> bool:
        """Signed by Stripe, in time, and an event."""
        return self.verdict.valid and self.event is not None


def check_webhook(captured: Captured, secrets: Sequence[str], at_s: int) -> WebhookCheck:
    """Offline: neither Stripe nor the database is asked."""
    verdict = verify(captured.payload, captured.signature, secrets, at_s)
    if verdict.failure is Failure.NO_MATCH:
        header = read_header(captured.signature or "")
        undone = explain(captured.payload, header, secrets) if header else None
        return WebhookCheck(verdict, None, undone, shape=None if undone else named_shape(captured.payload))
    if verdict.secret_number is None:
        return WebhookCheck(verdict, None)
    try:
        return WebhookCheck(verdict, read_event(captured.payload))
    except BadInput as error:
        return WebhookCheck(verdict, None, unreadable=error.message)
