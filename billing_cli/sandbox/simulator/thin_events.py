"""Reading thin events: newest first, by links from page to page, and as late as summaries are."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from billing_cli.sandbox.simulator.instants import epoch_s, iso
from billing_cli.sandbox.simulator.listing import COMPARISONS
from billing_cli.sandbox.simulator.replies import MAX_PAGE_SIZE, Call, Refusal, Reply, integer, missing, ok
from billing_cli.sandbox.simulator.state import State

PATH = "/v2/core/events"
DEFAULT_PAGE_SIZE = 20


def list_thin_events(state: State, call: Call) -> Reply:
    limit = integer(call, "limit", DEFAULT_PAGE_SIZE)
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise Refusal(400, f"Invalid limit: {limit} (1 to {MAX_PAGE_SIZE}).", param="limit")
    found = list(_wanted(state, call))
    begin = _begin(found, call.params.get("page"))
    page = found[begin : begin + limit]
    more = begin + limit < len(found)
    link = f"{PATH}?{urlencode({**call.params, 'page': page[-1]['id']})}" if more else None
    return ok({"data": page, "next_page_url": link, "previous_page_url": None})


def get_thin_event(state: State, call: Call, event_id: str) -> Reply:
    for event in _seen(state, call):
        if event["id"] == event_id:
            return ok(event)
    raise missing("event", event_id)


def _wanted(state: State, call: Call) -> Iterator[dict[str, Any]]:
    kinds = {value for name, value in call.params.items() if name.startswith("types[")}
    object_id = call.params.get("object_id")
    bounds = [
        (test, _instant(call, f"created[{name}]"))
        for name, test in COMPARISONS.items()
        if f"created[{name}]" in call.params
    ]
    for event in _seen(state, call):
        if (
            (not kinds or event["type"] in kinds)
            and object_id in (None, event.get("related_object", {}).get("id"))
            and all(test(epoch_s(event["created"]), bound) for test, bound in bounds)
        ):
            yield event


def _instant(call: Call, name: str) -> float:
    try:
        return epoch_s(call.params[name])
    except ValueError:
        raise Refusal(400, f"Invalid timestamp: {call.params[name]}.", param=name) from None


def _seen(state: State, call: Call) -> Iterator[dict[str, Any]]:
    """What is found wrong afterwards is told of no sooner than what counts is shown."""
    until = iso(call.now_s - state.settings.lag_s)
    return (event for event in reversed(state.contents.thin_events) if event["created"] <= until)


def _begin(found: list[dict[str, Any]], after: str | None) -> int:
    if after is None:
        return 0
    for index, event in enumerate(found):
        if event["id"] == after:
            return index + 1
    raise Refusal(400, f"Invalid page: {after}.", param="page")
