"""What lists of money objects have in common: newest first, and filters by field and by time."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from billing_cli.sandbox.simulator.replies import MAX_PAGE_SIZE, Call, Reply, integer, ok, page
from billing_cli.sandbox.simulator.state import State

_NEVER_S = 2**40

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def listed(
    call: Call, objects: Iterable[dict[str, Any]], *, equal: Sequence[str] = (), time: str = "created"
) -> list[dict[str, Any]]:
    """Those that the call's parameters ask for: `equal` names fields that must be the same, `time` the instant."""
    wanted = {name: call.params[name] for name in equal if name in call.params}
    bounds = [(test, integer(call, f"created[{name}]")) for name, test in COMPARISONS.items() if _has(call, name)]
    found = [
        one
        for one in objects
        if not one.get("deleted")
        and all(one.get(name) == value for name, value in wanted.items())
        and all(test(one[time], bound) for test, bound in bounds)
    ]
    # Of one second, the later one first.
    return sorted(found, key=lambda one: int(one[time]))[::-1]


def recent(
    state: State,
    call: Call,
    noun: str,
    *,
    equal: Sequence[str] = (),
    where: Callable[[dict[str, Any]], bool] = lambda one: True,
) -> list[dict[str, Any]]:
    """As much of the list of a noun as one page needs, by its timeline: all that `page` asks of it is there.

    `where` sifts what is not deleted.
    """
    objects, after = state.objects(noun), call.params.get("starting_after")
    if "ending_before" in call.params or (after is not None and after not in objects):
        return [one for one in listed(call, objects.values(), equal=equal) if where(one)]
    since = max(_bound(call, "gte", 0, 0), _bound(call, "gt", 1, 0))
    until = min(_bound(call, "lt", 0, _NEVER_S), _bound(call, "lte", 1, _NEVER_S))
    wanted = {name: call.params[name] for name in equal if name in call.params}
    found = (objects[object_id] for object_id in state.timeline(noun).newest_first(since, until, after))
    fitting = (
        one
        for one in found
        if one["id"] == after
        or (not one.get("deleted") and all(one.get(name) == value for name, value in wanted.items()) and where(one))
    )
    # The cursor, a page, and one more to know that there is more.
    return list(islice(fitting, MAX_PAGE_SIZE + 2))


def _bound(call: Call, comparison: str, shift: int, default: int) -> int:
    return integer(call, f"created[{comparison}]") + shift if _has(call, comparison) else default


def _has(call: Call, comparison: str) -> bool:
    return f"created[{comparison}]" in call.params


def page_of(call: Call, objects: list[dict[str, Any]], show: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    """One page, with `show` applied to what is on it and to nothing else."""
    document = json.loads(page(call, objects).body)
    return ok({**document, "data": [show(one) for one in document["data"]]})
