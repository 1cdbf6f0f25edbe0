"""Billing meters of the simulated account."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

FORMULAS = ("sum", "count", "last")
TIME_WINDOWS = ("hour", "day")


def list_meters(state: State, call: Call) -> Reply:
    status = call.params.get("status")
    found = [meter for meter in reversed(state.contents.meters.values()) if status is None or meter["status"] == status]
    return page(call, found)


def create_meter(state: State, call: Call) -> Reply:
    event_name = required(call, "event_name")
    if event_name in state.contents.active_meters:
        raise Refusal(400, f"An active meter already exists for event name {event_name}.", param="event_name")
    meter = new_meter(
        event_name,
        call.now_s,
        call.livemode,
        display_name=required(call, "display_name"),
        formula=required(call, "default_aggregation[formula]"),
        customer_key=call.params.get("customer_mapping[event_payload_key]", "stripe_customer_id"),
        value_key=call.params.get("value_settings[event_payload_key]", "value"),
        event_time_window=call.params.get("event_time_window"),
    )
    return _save(state, call, meter)


def get_meter(state: State, call: Call, meter_id: str) -> Reply:
    return ok(find_meter(state, meter_id))


def update_meter(state: State, call: Call, meter_id: str) -> Reply:
    meter = find_meter(state, meter_id)
    display_name = call.params.get("display_name", meter["display_name"])
    return _save(state, call, {**meter, "display_name": display_name})


def deactivate_meter(state: State, call: Call, meter_id: str) -> Reply:
    archived = {"status": "inactive", "status_transitions": {"deactivated_at": int(call.now_s)}}
    return _save(state, call, {**find_meter(state, meter_id), **archived})


def reactivate_meter(state: State, call: Call, meter_id: str) -> Reply:
    return _save(state, call, {**find_meter(state, meter_id), "status": "active"})


def find_meter(state: State, meter_id: str) -> dict[str, Any]:
    meter = state.contents.meters.get(meter_id)
    if meter is None:
        raise missing("billing meter", meter_id)
    return meter


def new_meter(
    event_name: str,
    now_s: float,
    livemode: bool,
    *,
    meter_id: str | None = None,
    display_name: str | None = None,
    formula: str = "sum",
    customer_key: str = "stripe_customer_id",
    value_key: str = "value",
    event_time_window: str | None = None,
    status: str = "active",
) -> dict[str, Any]:
    if formula not in FORMULAS:
        raise Refusal(400, f"Invalid formula: {formula} (sum, count or last).", param="default_aggregation[formula]")
    if event_time_window is not None and event_time_window not in TIME_WINDOWS:
        raise Refusal(400, "Invalid event_time_window: must be hour or day.", param="event_time_window")
    return {
        "id": meter_id or f"mtr_test_{secrets.token_hex(8)}",
        "object": "billing.meter",
        "created": int(now_s),
        "customer_mapping": {"event_payload_key": customer_key, "type": "by_id"},
        "default_aggregation": {"formula": formula},
        "display_name": display_name or event_name,
        "event_name": event_name,
        "event_time_window": event_time_window,
        "livemode": livemode,
        "status": status,
        "status_transitions": {"deactivated_at": None},
        "updated": int(now_s),
        "value_settings": {"event_payload_key": value_key},
    }


def _save(state: State, call: Call, meter: dict[str, Any]) -> Reply:
    meter = {**meter, "updated": int(call.now_s)}
    state.commit({"op": "meter", "object": meter, "at": call.now_s})
    return ok(meter)
