"""Events kept here: listed, stored, fetched from Stripe, and compared with Stripe's own list."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput
from billing_cli.domain.gaps import Gaps, find_gaps
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.keeping import STRIPE_KEEPS, KeepPlan, Source, cliff_warnings, plan_keep
from billing_cli.domain.kept_event import KeptEvent
from billing_cli.domain.ports import Database, EventReader
from billing_cli.domain.webhook_event import WebhookEvent
from billing_cli.usecases.patience import database_call

_PAGE = 500
_MOST_TYPES = 20
# A stored chunk is one transaction, well within the API role's statement timeout.
_CHUNK = 100
_SETTLED_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class EventFilter:
    """Which kept events; None is all. `event_type` may end in `.*`."""

    event_type: str | None = None
    company_id: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_ids: tuple[str, ...] | None = None

    def arguments(self) -> dict[str, object]:
        return {
            "p_type": self.event_type,
            "p_company_id": self.company_id,
            "p_state": self.state,
            "p_since": self.since.isoformat() if self.since else None,
            "p_until": self.until.isoformat() if self.until else None,
            "p_event_ids": list(self.event_ids) if self.event_ids else None,
        }


@dataclass(frozen=True)
class Stored:
    """What storing did: events that are new, and what some of them changed here."""

    new: int
    again: int
    effects: tuple[Mapping[str, Any], ...]


def find_events(
    database: Database, wanted: EventFilter, limit: int | None = None, newest_first: bool = False
) -> Iterator[KeptEvent]:
    """In Stripe's order, page by page."""
    after: dict[str, object] = {}
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = database.call(
            "billing_webhooks_find_v2", **wanted.arguments(), **after, p_newest_first=newest_first, p_limit=size
        )
        yield from map(KeptEvent.from_document, page)
        if len(page) < size:
            return
        after = {"p_after": page[-1]["created_at"], "p_after_sequence": page[-1]["sequence"]}
        left = None if left is None else left - len(page)


def show_event(database: Database, event_id: str) -> dict[str, Any]:
    """The event's document with `payload` and `replays`. Raises BadInput where it is not kept."""
    found: dict[str, Any] = database.call("billing_webhook_show_v2", p_event_id=event_id)
    return found


def plan_delivery(database: Database, identity: StripeIdentity, event: WebhookEvent) -> KeepPlan:
    """To keep one event whose signature was verified."""
    known = database.call("billing_webhooks_known_v1", p_event_ids=[event.event_id])
    request = {"event_id": event.event_id}
    return plan_keep("verify-webhook --store", identity, Source.DELIVERY, [event], known, request)


@dataclass(frozen=True)
class Window:
    """[since, until), with the moment the question is asked."""

    since: datetime
    until: datetime
    now: datetime

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise BadInput("The window ends before it begins.", "Check --since and --until.")

    @property
    def within_reach(self) -> datetime:
        """Where Stripe's list begins to answer."""
        return max(self.since, self.now - STRIPE_KEEPS)


def plan_fetch(
    database: Database,
    stripe: EventReader,
    window: Window,
    types: Sequence[str],
    undelivered: bool,
    request: Mapping[str, object],
) -> KeepPlan:
    """To keep every event of the window that is not here yet."""
    if len(types) > _MOST_TYPES:
        raise BadInput(f"Stripe filters by {_MOST_TYPES} types at most.", "Leave --type out to fetch all.")
    identity = stripe.identity()
    found = stripe.events(window.within_reach, window.until, types, undelivered)
    known: dict[str, str] = {}
    for start in range(0, len(found), _PAGE):
        ids = [event.event_id for event in found[start : start + _PAGE]]
        known |= database.call("billing_webhooks_known_v1", p_event_ids=ids, p_whole=True)
    warnings = cliff_warnings(window.since, window.now)
    return plan_keep("webhooks fetch", identity, Source.FETCH, found, known, request, warnings)


def keep_events(approved: ApprovedPlan[KeepPlan], database: Database, actor: str) -> Stored:
    """Stores them in Stripe's order. Interrupted, the same again stores the rest."""
    plan = approved.plan
    new, again = 0, 0
    effects: list[Mapping[str, Any]] = []
    for start in range(0, len(plan.events), _CHUNK):
        chunk = [event.document() for event in plan.events[start : start + _CHUNK]]
        arguments = {"p_events": chunk, "p_source": plan.source.value, "p_actor": actor}
        # A delivery counts each time it is stored, so a doubtful answer is not repeated.
        repeatable = plan.source is Source.FETCH
        call = database_call if repeatable else _once
        answer = call(database, "billing_webhooks_store_v1", **arguments)
        new, again = new + len(answer["new"]), again + answer["again"]
        effects += answer["effects"]
    return Stored(new, again, tuple(effects))


def _once(database: Database, function: str, **arguments: object) -> dict[str, Any]:
    answer: dict[str, Any] = database.call(function, **arguments)
    return answer


def find_window_gaps(database: Database, stripe: EventReader, window: Window, stuck_after_s: int) -> Gaps:
    """Stripe's list beside ours; the last five minutes are left out, for deliveries are on their way."""
    identity = stripe.identity()
    until = max(min(window.until, window.now - _SETTLED_AFTER), window.within_reach + timedelta(seconds=1))
    at_stripe = stripe.events(window.within_reach, until)
    kept = find_events(database, EventFilter(since=window.within_reach, until=until))
    here = [event for event in kept if event.livemode == identity.livemode]
    warnings = cliff_warnings(window.since, window.now)
    return find_gaps(window.since, until, at_stripe, here, identity.account_id, stuck_after_s, warnings)
