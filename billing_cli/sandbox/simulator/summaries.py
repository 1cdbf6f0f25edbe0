"""Event summaries: what Stripe says was used, which may lag behind what it accepted."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from billing_cli.sandbox.simulator.meters import find_meter
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, missing, page, required
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.usage import EXACT, MeterEvent

WINDOW_S = {"minute": 60, "hour": 3600, "day": 86400}
Order = Callable[[MeterEvent], tuple[int, int]]
# What makes an event the last one, which Stripe's documentation leaves open: "the most recent event".
ORDERS: dict[str, Order] = {
    "timestamp": lambda event: (event.timestamp, event.number),
    "received": lambda event: (event.number, 0),
}


def list_summaries(state: State, call: Call, meter_id: str) -> Reply:
    """One summary over the range, or one per hour or day that has usage, newest first."""
    meter = find_meter(state, meter_id)
    customer = required(call, "customer")
    if customer not in state.contents.customers:
        raise missing("customer", customer, "customer", 400)
    start, end = _range(call)
    events = state.contents.usage.seen(meter["event_name"], customer, start, end, call.now_s - state.settings.lag_s)
    order = ORDERS[state.settings.last_by]
    grouping = call.params.get("value_grouping_window")
    width_s = WINDOW_S[grouping] if grouping else end - start
    groups: dict[int, list[MeterEvent]] = {} if grouping else {start: []}
    for event in events:
        groups.setdefault(start + (event.timestamp - start) // width_s * width_s, []).append(event)
    return page(
        call,
        [
            _summary(meter, customer, begin, begin + width_s, _aggregate(meter, groups[begin], order))
            for begin in sorted(groups, reverse=True)
        ],
    )


def usage_total(state: State, meter: dict[str, Any], customer: str, start: int, end: int, now_s: float) -> Decimal:
    """What the meter says of [start, end), as summaries show it at `now_s`."""
    events = state.contents.usage.seen(meter["event_name"], customer, start, end, now_s - state.settings.lag_s)
    return _aggregate(meter, list(events), ORDERS[state.settings.last_by])


def _range(call: Call) -> tuple[int, int]:
    start, end = integer(call, "start_time"), integer(call, "end_time")
    grouping = call.params.get("value_grouping_window")
    if grouping not in (None, "hour", "day"):
        raise Refusal(400, f"Invalid value_grouping_window: {grouping}.", param="value_grouping_window")
    for name, instant in (("start_time", start), ("end_time", end)):
        if instant % WINDOW_S[grouping or "minute"]:
            raise Refusal(400, f"{name} must be aligned with {grouping or 'minute'} boundaries.", param=name)
    if end <= start:
        raise Refusal(400, "end_time must be after start_time.", param="end_time")
    return start, end


def _aggregate(meter: dict[str, Any], events: list[MeterEvent], order: Order) -> Decimal:
    formula, window = meter["default_aggregation"]["formula"], meter["event_time_window"]
    if window:
        # A pre-aggregated meter: the last event of each window stands for the whole window.
        ordered = sorted(events, key=order)
        events = list({event.timestamp // WINDOW_S[window]: event for event in ordered}.values())
    if formula == "count":
        return Decimal(len(events))
    if formula == "last":
        return max(events, key=order).value if events else Decimal(0)
    total = Decimal(0)
    for event in events:
        total = EXACT.add(total, event.value)
    return total


def _summary(meter: dict[str, Any], customer: str, start: int, end: int, value: Decimal) -> dict[str, Any]:
    identity = hashlib.sha256(f"{meter['id']}|{customer}|{start}|{end}".encode()).hexdigest()[:16]
    return {
        "id": f"mtrusg_test_{identity}",
        "object": "billing.meter_event_summary",
        "aggregated_value": float(value),
        "end_time": end,
        "livemode": meter["livemode"],
        "meter": meter["id"],
        "start_time": start,
    }
