"""A plan to keep events: one that was delivered, or those that were fetched from Stripe's list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import digest_of
from billing_cli.domain.webhook_event import WebhookEvent

# https://docs.stripe.com/api/events: access to events is for 30 days.
STRIPE_KEEPS = timedelta(days=30)
_WARN_BEFORE = timedelta(days=2)


class Source(StrEnum):
    """How an event came here."""

    DELIVERY = "delivery"
    FETCH = "fetch"


@dataclass(frozen=True)
class KeepPlan:
    """`events` are to be kept, in Stripe's order; of those found, `known` are here already."""

    command: str
    identity: StripeIdentity
    source: Source
    events: tuple[WebhookEvent, ...]
    known: int
    warnings: tuple[str, ...]
    request: Mapping[str, object]
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS

    @property
    def empty(self) -> bool:
        return not self.events


def plan_keep(
    command: str,
    identity: StripeIdentity,
    source: Source,
    found: Sequence[WebhookEvent],
    known: Mapping[str, str],
    request: Mapping[str, object],
    warnings: Sequence[str] = (),
) -> KeepPlan:
    """A delivery that is known is kept again, to count it; what is fetched is kept once."""
    wanted = tuple(event for event in found if source is Source.DELIVERY or event.event_id not in known)
    changes = {event.event_id: event.event_type for event in wanted}
    digest = digest_of(command, identity, changes)
    return KeepPlan(command, identity, source, wanted, len(known), tuple(warnings), request, changes, digest)


def cliff_warnings(since: datetime, now: datetime) -> list[str]:
    """What Stripe's 30 days mean for a window that begins at `since`."""
    cliff = now - STRIPE_KEEPS
    if since < cliff:
        return [f"Stripe keeps events for 30 days: those before {cliff:%Y-%m-%d %H:%M}Z cannot be fetched or compared."]
    if since < cliff + _WARN_BEFORE:
        hours = int((since - cliff).total_seconds() // 3600)
        return [f"Stripe forgets the first events of this window in {hours} h: fetch them before."]
    return []
