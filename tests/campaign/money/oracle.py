"""The laws of moving money. They share no code with the program."""

from collections.abc import Iterator, Sequence

from campaign.money.evidence import Evidence, Row, gather
from campaign.money.scene import MoneyScene
from campaign.money.wishes import CHANGES, Attempt, Order, Wish


def judge(scene: MoneyScene, orders: Sequence[Order]) -> tuple[dict[str, object], int]:
    """Each law and what broke it; and how many wishes are left undone."""
    found = gather(scene, orders)
    wrong: dict[str, object] = {
        "carried out a wish twice": _twice(found),
        "carried out a command that slept before it planned": _slept(found),
        "carried out on old facts": _stale(found),
        "moved another amount than was asked for": _otherwise(found),
        "moved money that is recorded nowhere": _unrecorded(found),
        "recorded what Stripe does not have": _made_up(found),
        "adjustments other than movements": _differences(found),
        "refused or lapsed, and yet moved": _denied(found),
        "answered done what was not": [
            wish.name for order in orders if 0 in order.answers for wish in order.wishes if not _is_done(wish, found)
        ],
        "did not come to an end": [row.intent_id for row in found.rows.values() if row.state in ("open", "sending")],
    }
    wishes = {wish.name: wish for order in orders for wish in order.wishes}
    return wrong, sum(1 for wish in wishes.values() if not _is_done(wish, found))


def _twice(found: Evidence) -> list[str]:
    """Under one intent, or under two of which the second cannot have been meant: its command or its plan was older."""
    pairs = [(first, second) for first, second in _pairs(found) if first.wish == second.wish]
    return [found.rows[i].wish for i, amounts in found.moved.items() if i in found.rows and len(amounts) > 1] + [
        second.wish for first, second in pairs if not _began_before(first, second, found)
    ]


def _slept(found: Evidence) -> list[str]:
    """The same wish twice: the second command was given before the first was sent, and planned after it."""
    pairs = [(first, second) for first, second in _pairs(found) if first.wish == second.wish]
    return [second.wish for first, second in pairs if _began_before(first, second, found)]


def _stale(found: Evidence) -> list[str]:
    """Second movements of one subject that were planned before the first was sent, and sent after it."""
    return [
        f"{second.wish} after {first.wish} on {first.subject}"
        for first, second in _pairs(found)
        if (attempt := _attempt(second, found)) and attempt.planned_at < found.sent_at[first.intent_id]
    ]


def _otherwise(found: Evidence) -> list[str]:
    wishes = {wish.name: wish for order in found.orders for wish in order.wishes}
    return [
        row.wish
        for row in _moved_rows(found)
        if (wish := wishes[row.wish]).amount is not None and found.moved[row.intent_id][0] != wish.amount
    ]


def _unrecorded(found: Evidence) -> list[str]:
    done = {row.intent_id for row in found.rows.values() if row.state == "done"}
    return sorted(set(found.moved) - done) + found.strangers


def _made_up(found: Evidence) -> list[str]:
    done = [row for row in found.rows.values() if row.state == "done"]
    return [
        row.intent_id
        for row in done
        if ((row.subject, row.kind) not in found.changed if row.kind in CHANGES else row.intent_id not in found.moved)
    ]


def _differences(found: Evidence) -> dict[str, object]:
    """Recorded adjustments beside movements, in favour of the company below zero."""
    moved = {
        row.intent_id: sum(found.moved[row.intent_id]) * (-1 if row.in_favour else 1) for row in _moved_rows(found)
    }
    names = {*found.adjusted, *moved}
    return {i: (found.adjusted.get(i), moved.get(i)) for i in names if found.adjusted.get(i) != moved.get(i)}


def _denied(found: Evidence) -> list[str]:
    return [row.intent_id for row in _moved_rows(found) if row.state in ("refused", "lapsed")]


def _is_done(wish: Wish, found: Evidence) -> bool:
    if wish.kind in CHANGES:
        return (wish.subject, wish.kind) in found.changed
    return any(row.wish == wish.name for row in _moved_rows(found))


def _moved_rows(found: Evidence) -> list[Row]:
    return [found.rows[intent_id] for intent_id in found.moved if intent_id in found.rows]


def _pairs(found: Evidence) -> Iterator[tuple[Row, Row]]:
    """Movements of one subject in the order in which they were sent."""
    rows = [row for row in _moved_rows(found) if row.intent_id in found.sent_at]
    for first in rows:
        for second in rows:
            if first.subject == second.subject and found.sent_at[first.intent_id] < found.sent_at[second.intent_id]:
                yield first, second


def _began_before(first: Row, second: Row, found: Evidence) -> bool:
    """Whether the second command was given before the first was sent, and saw it in its plan."""
    attempt = _attempt(second, found)
    return attempt is not None and attempt.began_at < found.sent_at[first.intent_id] <= attempt.planned_at


def _attempt(row: Row, found: Evidence) -> Attempt | None:
    """The attempt that opened an intent: the latest that had its plan before it was sent."""
    before = [a for a in found.attempts.get(row.digest, []) if a.planned_at < found.sent_at[row.intent_id]]
    return max(before, key=lambda attempt: attempt.planned_at, default=None)
