"""What lists of money objects have in common: newest first, and filters by field and by time."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from billing_cli.sandbox.simulator.replies import Call, Reply, integer, ok, page

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
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


def _has(call: Call, comparison: str) -> bool:
    return f"created[{comparison}]" in call.params


def page_of(call: Call, objects: list[dict[str, Any]], show: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    """One page, with `show` applied to what is on it and to nothing else."""
    document = json.loads(page(call, objects).body)
    return ok({**document, "data": [show(one) for one in document["data"]]})
