"""Which usage an invoice will still have, by customer and meter, and what becomes of the rest."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billing_cli.domain.period import Window


class LateUsage(StrEnum):
    """What becomes of usage whose period's invoice is final; the values are those of billing.toml and the database."""

    HOLD = "hold"
    CARRY = "carry"
    SEND = "send"


@dataclass(frozen=True)
class SubscribedItem:
    """A subscription item that bills the events of a name, now in the period that began at `period_start`.

    `event_name` is the Stripe meter's, or the id of the price that usage records are for.
    `drafts` are the periods of the subscription's invoices that are not final, each from and up to.
    """

    stripe_customer_id: str
    event_name: str
    subscription_item: str
    began: datetime
    period_start: datetime
    ended: datetime | None = None
    drafts: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True)
class OpenPeriod:
    """Usage from `open_from` up to `open_until` (None: without end) is still to be invoiced.

    What is before is on final invoices, as far back as `began`; for the rest there is no subscription. Up to
    `current_from` it will be on drafts, after that on the invoice of the current period.
    """

    stripe_customer_id: str
    event_name: str
    subscription_item: str
    began: datetime
    open_from: datetime
    current_from: datetime
    open_until: datetime | None = None

    def document(self) -> dict[str, str | None]:
        """As the database's functions read it."""
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Billing:
    """The periods that Stripe still bills, of the event names asked about; None if it was not asked."""

    late_usage: LateUsage = LateUsage.HOLD
    asked: frozenset[str] = frozenset()
    periods: tuple[OpenPeriod, ...] | None = None

    def document(self, window: Window, always: frozenset[str] = frozenset()) -> list[dict[str, str | None]] | None:
        """Those that matter to the window, and all that are for an event name of `always`."""
        if self.periods is None:
            return None
        return [each.document() for each in self.periods if each.event_name in always or _ends_inside(each, window)]

    @property
    def subscribed(self) -> frozenset[tuple[str, str]]:
        """Customers and event names with a subscription, ended ones too."""
        return frozenset((each.stripe_customer_id, each.event_name) for each in self.periods or ())


UNASKED = Billing()


def open_periods(items: Iterable[SubscribedItem]) -> list[OpenPeriod]:
    """One for each living item; for a customer and event name that have none, one for the item that ended last.

    Several items of one customer and event name count the same usage, so one that is still to be invoiced is enough.
    """
    together: dict[tuple[str, str], list[SubscribedItem]] = defaultdict(list)
    for item in items:
        together[item.stripe_customer_id, item.event_name].append(item)
    return [period for group in together.values() for period in _periods(group)]


def _periods(items: list[SubscribedItem]) -> list[OpenPeriod]:
    until = None if any(item.ended is None for item in items) else max(item.ended for item in items if item.ended)
    last = [item for item in items if item.ended == until]
    began = min(item.began for item in items)
    current_from = until or min(item.period_start for item in last)
    open_from = _back_over_drafts(current_from, items)
    return [
        OpenPeriod(
            each.stripe_customer_id, each.event_name, each.subscription_item, began, open_from, current_from, until
        )
        for each in (last[:1] if until else last)
    ]


def _back_over_drafts(open_from: datetime, items: list[SubscribedItem]) -> datetime:
    """The start of the drafts that reach up to `open_from` without a gap."""
    drafts = {draft for item in items for draft in item.drafts}
    for start, end in sorted(drafts, key=lambda draft: draft[1], reverse=True):
        if end >= open_from:
            open_from = min(open_from, start)
    return open_from


def _ends_inside(period: OpenPeriod, window: Window) -> bool:
    """Whether not all hours of the window will be on the same invoice."""
    if period.open_until is None:
        return period.current_from > window.start
    return period.open_from > window.start or period.open_until < window.end
