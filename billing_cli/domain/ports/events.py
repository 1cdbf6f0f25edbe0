"""Stripe's events, as they are read and sent again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.permit import Permit
from billing_cli.domain.replay import Delivery, ReplayEvent
from billing_cli.domain.webhook_event import WebhookEvent


class EventReader(Protocol):
    """Stripe's own list of events: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def events(
        self, since: datetime, until: datetime, types: Sequence[str] = (), undelivered: bool = False
    ) -> list[WebhookEvent]:
        """Every event created in [since, until), oldest first; meter errors (thin events) included."""
        ...

    def meter_errors(self, since: datetime, until: datetime) -> list[WebhookEvent]:
        """What Stripe took and then could not count, oldest first; each event names a few as examples."""
        ...


class EventPoster(Protocol):
    """Sends a kept event to one place. Safe to be used by several threads."""

    def post(self, event: ReplayEvent, payload: str, permit: Permit) -> Delivery:
        """Tries once. Raises PermitExpired when the permit has run out, Misconfigured if nothing can be sent at all."""
        ...

    def close(self) -> None: ...
