"""What Stripe's totals say of one batch: found, not yet, not counted, more than was sent, or nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from billing_cli.domain.batch import ItemState
from billing_cli.domain.slot import SentItem, Slot

# As long as Stripe might still find an event that it did not count, it is not sent again: what leads to sending
# again asks for this, what only says that something is missing for the usual lag.
RESEND_AFTER_S = 23 * 3600
_VERIFIABLE = (ItemState.ACCEPTED, ItemState.AMBIGUOUS, ItemState.MISSING)


class Verdict(StrEnum):
    """How a slot turned out; the last five need a look, or time."""

    FOUND = "found"
    LATER = "later"
    LESS = "less"
    UNTOLD = "untold"
    MORE = "more"
    UNKNOWN = "unknown"


WRONG = (Verdict.LESS, Verdict.UNTOLD, Verdict.MORE, Verdict.UNKNOWN)

SAID: Mapping[Verdict, str] = {
    Verdict.FOUND: "Stripe's total is what was sent",
    Verdict.LATER: "Stripe's total lacks something, and may lag",
    Verdict.LESS: "Stripe's total lacks events that it took",
    Verdict.UNTOLD: "Stripe's total is another, and does not tell which events it has",
    Verdict.MORE: "Stripe's total is more than was sent from here",
    Verdict.UNKNOWN: "Stripe has no such customer or meter, or had another meter of that name",
}


def concerns(slot: Slot, batch_id: str) -> bool:
    """Whether there is anything to find out about a batch there."""
    return any(
        item.batch_id == batch_id and item.state in _VERIFIABLE and item.item_id not in slot.certain
        for item in slot.items
    )


@dataclass(frozen=True)
class Change:
    """An item whose state follows from what was proved, with the reason that is written down."""

    item: SentItem
    after: ItemState
    reason: str | None

    def document(self) -> dict[str, object]:
        """As the database takes it."""
        return {
            "item_id": self.item.item_id,
            "before": self.item.state.value,
            "after": self.after.value,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Judged:
    """A slot with its verdict, the batch's items found in its total, and what changes."""

    slot: Slot
    verdict: Verdict
    found: Sequence[int] = ()
    changes: Sequence[Change] = ()


@dataclass(frozen=True)
class Rules:
    """When a total counts as final. `now_s` by the database's clock; `named` is why Stripe did not count an item.

    With `resend_missing`, a person wants what has been missing for long enough to be sent again.
    """

    batch_id: str
    now_s: float
    lag_s: float
    named: Mapping[str, str]
    resend_missing: bool = False

    def may_lag(self, items: Iterable[SentItem], wait_s: float | None = None) -> bool:
        return any(self.now_s - item.tried_s < (self.lag_s if wait_s is None else wait_s) for item in items)


def judge(slot: Slot, rules: Rules) -> Judged:
    """What one total proves of the batch's items. An item that it proves nothing of stays what it is.

    Where an item is in doubt, no total is called more than was sent: what would be given back may be its amount.
    """
    told = _judge(slot, rules)
    return replace(told, verdict=Verdict.UNTOLD) if told.verdict is Verdict.MORE and slot.doubtful else told


def _judge(slot: Slot, rules: Rules) -> Judged:
    # What is sent anew after a rollback is often the same amount: a total that lags may have the old one.
    if slot.as_sent and not rules.may_lag(slot.cancelled):
        found = [item.item_id for item in _open_items(slot, rules) if item.state is ItemState.ACCEPTED]
        return Judged(slot, Verdict.FOUND, found)
    if slot.total is None:
        return Judged(slot, Verdict.UNKNOWN, changes=_named(slot, rules))
    counted = slot.counted()
    if counted is None:
        # What an error names was not counted; that may leave only one answer for the rest.
        counted = slot.counted(item.item_id for item in slot.items if item.identifier in rules.named)
    if counted is not None:
        return _proved(slot, counted, rules)
    if slot.has_more:
        return Judged(slot, Verdict.MORE)
    doubtful = [item for item in slot.items if item.item_id not in slot.certain]
    if rules.may_lag(doubtful):
        return Judged(slot, Verdict.LATER)
    return Judged(slot, Verdict.UNTOLD, changes=_named(slot, rules) if slot.total < slot.ours else ())


def _proved(slot: Slot, counted: frozenset[int], rules: Rules) -> Judged:
    """Every item of the slot is known to be in the total or not."""
    if overwritten := slot.overwritten(counted):
        return _overwritten(slot, counted, overwritten, rules)
    ours = _open_items(slot, rules)
    found = [item for item in ours if item.item_id in counted]
    absent = [item for item in ours if item.item_id not in counted]
    changes = [
        Change(item, ItemState.ACCEPTED, None)
        for item in found
        if item.state in (ItemState.AMBIGUOUS, ItemState.MISSING)
    ]
    changes += [change for item in absent if (change := _absent(item, rules))]
    accepted = [item.item_id for item in found if item.state is ItemState.ACCEPTED]
    return Judged(slot, _verdict(slot, counted, absent, rules), accepted, changes)


def _overwritten(slot: Slot, counted: frozenset[int], overwritten: frozenset[int], rules: Rules) -> Judged:
    """The total is one company's or meter's, and lacks what others sent. Nothing there is found before it has all."""
    if rules.may_lag(item for item in slot.items if item.item_id not in counted):
        return Judged(slot, Verdict.LATER)
    changes = [
        Change(item, ItemState.MISSING, "An event of another company or meter replaced it in Stripe's total.")
        for item in _open_items(slot, rules)
        if item.item_id in overwritten and item.state is ItemState.ACCEPTED
    ]
    return Judged(slot, Verdict.LESS, changes=changes)


def _verdict(slot: Slot, counted: frozenset[int], absent: Sequence[SentItem], rules: Rules) -> Verdict:
    # Rolled back, and counted nevertheless.
    kept = [item for item in slot.standing(counted) if item.state is ItemState.CANCELLED]
    lost = [item for item in absent if item.state in _VERIFIABLE]
    waiting = [item for item in lost if _waits(item, rules)]
    if kept and not rules.may_lag(kept):
        return Verdict.MORE
    if kept or (waiting and len(waiting) == len(lost)):
        return Verdict.LATER
    return Verdict.LESS if lost else Verdict.FOUND


def _absent(item: SentItem, rules: Rules) -> Change | None:
    """What becomes of an item that is proved not to be counted; None where it is too early, or nothing is new."""
    named = rules.named.get(item.identifier)
    if item.state in _VERIFIABLE and named:
        return Change(item, _given_up(item), named)
    if _waits(item, rules):
        return None
    if item.state is ItemState.ACCEPTED:
        return Change(item, ItemState.MISSING, "Stripe took it, and its total of that time does not have it.")
    if item.state is ItemState.AMBIGUOUS:
        return Change(item, _given_up(item), "Stripe's total proves that it was not counted.")
    given_up = rules.resend_missing and not rules.may_lag([item], RESEND_AFTER_S)
    if item.state is ItemState.MISSING and given_up:
        return Change(item, _given_up(item), "It was missing from Stripe's totals, and was given up.")
    return None


def _given_up(item: SentItem) -> ItemState:
    """Free to be sent again by the next export; only on demand, if its batch was being taken back."""
    return ItemState.CANCELLED if item.cancel_asked else ItemState.REJECTED


def _waits(item: SentItem, rules: Rules) -> bool:
    if item.identifier in rules.named:
        return False
    return rules.may_lag([item], RESEND_AFTER_S if item.state is ItemState.AMBIGUOUS else None)


def _named(slot: Slot, rules: Rules) -> list[Change]:
    """Where totals tell nothing, Stripe's own word for it."""
    return [
        Change(item, _given_up(item), rules.named[item.identifier])
        for item in _open_items(slot, rules)
        if item.state in _VERIFIABLE and item.identifier in rules.named
    ]


def _open_items(slot: Slot, rules: Rules) -> list[SentItem]:
    """The batch's items of which nothing is certain yet."""
    return [item for item in slot.items if item.batch_id == rules.batch_id and item.item_id not in slot.certain]
