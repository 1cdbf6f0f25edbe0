"""Taking meter events one by one: what is refused at once, what is refused later, and what counts."""

import secrets

from billing_cli.sandbox.simulator.meter_event_checks import (
    MAX_IDENTIFIER_LENGTH,
    addressee_fault,
    customer_key,
    timestamp_fault,
    value_fault,
    value_key,
)
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, ok, required
from billing_cli.sandbox.simulator.state import State

CANCEL_WINDOW_S = 24 * 3600


def create_meter_event(state: State, call: Call) -> Reply:
    """Answers 200 for everything that passes the first checks; the rest is found out afterwards."""
    event_name = required(call, "event_name")
    payload = mapping(call, "payload")
    if not payload:
        raise Refusal(400, "Missing required param: payload.", code="parameter_missing", param="payload")
    identifier = call.params.get("identifier") or secrets.token_hex(16)
    if len(identifier) > MAX_IDENTIFIER_LENGTH:
        raise Refusal(400, f"Identifier is longer than {MAX_IDENTIFIER_LENGTH} characters.", param="identifier")
    timestamp = integer(call, "timestamp", int(call.now_s))
    _check_timestamp(timestamp, call.now_s)
    meter = state.contents.active_meters.get(event_name)
    _check_value(payload.get(value_key(meter)))
    _check_duplicate(state, identifier, call.now_s)
    if fault := addressee_fault(state, meter, event_name, payload):
        state.reject(identifier, event_name, fault, call.now_s, call.livemode)
    else:
        row = (identifier, event_name, payload[customer_key(meter)], payload[value_key(meter)], timestamp)
        state.commit({"op": "meter_events", "rows": [row], "at": call.now_s})
    return ok(
        {
            "object": "billing.meter_event",
            "created": int(call.now_s),
            "event_name": event_name,
            "identifier": identifier,
            "livemode": call.livemode,
            "payload": payload,
            "timestamp": timestamp,
        }
    )


def cancel_meter_event(state: State, call: Call) -> Reply:
    """Only `type=cancel` exists, and only within a day of receipt; what was cancelled is gone for a second call."""
    event_name, identifier = required(call, "event_name"), required(call, "cancel[identifier]")
    if call.params.get("type") != "cancel":
        raise Refusal(400, "Invalid type: must be cancel.", param="type")
    event = state.contents.usage.latest.get(identifier)
    if event is None or event.event_name != event_name:
        raise Refusal(400, f"No meter event found with identifier {identifier}.", code="resource_missing")
    if call.now_s - event.received_s > CANCEL_WINDOW_S:
        raise Refusal(400, "Meter events can be cancelled within 24 hours of being received.")
    state.commit({"op": "cancel", "id": identifier, "at": call.now_s})
    return ok(
        {
            "object": "billing.meter_event_adjustment",
            "cancel": {"identifier": identifier},
            "event_name": event_name,
            "livemode": call.livemode,
            "status": "pending",
            "type": "cancel",
        }
    )


def customer_of(state: State, call: Call) -> str:
    """Which customer an event is for, under the meter's own key; empty where it names none."""
    meter = state.contents.active_meters.get(call.params.get("event_name", ""))
    return call.params.get(f"payload[{customer_key(meter)}]", "")


def _check_timestamp(timestamp: int, now_s: float) -> None:
    if fault := timestamp_fault(timestamp, now_s):
        raise Refusal(400, fault[1], code=fault[0], param="timestamp")


def _check_value(text: str | None) -> None:
    if text is not None and (fault := value_fault(text)):
        raise Refusal(400, fault[1], param="payload")


def _check_duplicate(state: State, identifier: str, now_s: float) -> None:
    if state.contents.usage.is_taken(identifier, now_s):
        raise Refusal(
            400,
            f"An event already exists with identifier {identifier}.",
            headers={"Stripe-Should-Retry": "false"},
        )
