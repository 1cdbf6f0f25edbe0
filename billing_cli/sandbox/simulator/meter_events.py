"""Taking meter events: what is refused at once, what is refused later, and what counts."""

import secrets
from decimal import Decimal, InvalidOperation
from typing import Any

from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, ok, required
from billing_cli.sandbox.simulator.state import DEDUP_WINDOW_S, State

MAX_IDENTIFIER_LENGTH = 100
MAX_SIGNIFICANT_DIGITS = 15
MAX_AGE_S = 35 * 86400
MAX_AHEAD_S = 5 * 60
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
    _check_value(payload.get(_value_key(meter)))
    _check_duplicate(state, identifier, call.now_s)
    _record(state, call, meter=meter, identifier=identifier, payload=payload, timestamp=timestamp)
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
    """Only `type=cancel` exists, and only within a day of receipt."""
    event_name, identifier = required(call, "event_name"), required(call, "cancel[identifier]")
    if call.params.get("type") != "cancel":
        raise Refusal(400, "Invalid type: must be cancel.", param="type")
    received_s = state.contents.identifiers.get(identifier)
    if received_s is None or not state.find_events(event_name, identifier):
        raise Refusal(400, f"No meter event found with identifier {identifier}.", code="resource_missing")
    if call.now_s - received_s > CANCEL_WINDOW_S:
        raise Refusal(400, "Meter events can be cancelled within 24 hours of being received.")
    state.commit({"op": "cancel", "id": identifier, "name": event_name})
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
    return call.params.get(f"payload[{_customer_key(meter)}]", "")


def _customer_key(meter: dict[str, Any] | None) -> str:
    return str(meter["customer_mapping"]["event_payload_key"]) if meter else "stripe_customer_id"


def _value_key(meter: dict[str, Any] | None) -> str:
    return str(meter["value_settings"]["event_payload_key"]) if meter else "value"


def _check_timestamp(timestamp: int, now_s: float) -> None:
    if timestamp < now_s - MAX_AGE_S:
        raise Refusal(
            400,
            "The timestamp must be within the past 35 calendar days.",
            code="timestamp_too_far_in_past",
            param="timestamp",
        )
    if timestamp > now_s + MAX_AHEAD_S:
        raise Refusal(
            400,
            "The timestamp must not be more than 5 minutes in the future.",
            code="timestamp_in_future",
            param="timestamp",
        )


def _check_value(text: str | None) -> None:
    if text is None:
        return
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise Refusal(400, f"Invalid value: {text} is not a number.", param="payload")
    if len(value.normalize().as_tuple().digits) > MAX_SIGNIFICANT_DIGITS:
        raise Refusal(400, f"Invalid value: more than {MAX_SIGNIFICANT_DIGITS} significant digits.", param="payload")


def _check_duplicate(state: State, identifier: str, now_s: float) -> None:
    received_s = state.contents.identifiers.get(identifier)
    if received_s is not None and now_s - received_s < DEDUP_WINDOW_S:
        raise Refusal(
            400,
            f"An event already exists with identifier {identifier}.",
            headers={"Stripe-Should-Retry": "false"},
        )


def _record(
    state: State,
    call: Call,
    *,
    meter: dict[str, Any] | None,
    identifier: str,
    payload: dict[str, str],
    timestamp: int,
) -> None:
    customer = payload.get(_customer_key(meter), "")
    value = payload.get(_value_key(meter))
    if meter is None or value is None or not _is_customer(state, customer):
        code, why = _reason(state, meter, call.params["event_name"], customer, value)
        _reject(state, call, meter=meter, identifier=identifier, code=code, why=why)
        return
    state.commit(
        {
            "op": "meter_event",
            "id": identifier,
            "name": call.params["event_name"],
            "cus": customer,
            "value": value,
            "ts": timestamp,
            "at": call.now_s,
        }
    )


def _is_customer(state: State, customer: str) -> bool:
    found = state.contents.customers.get(customer)
    return found is not None and not found.get("deleted")


def _reason(
    state: State, meter: dict[str, Any] | None, event_name: str, customer: str, value: str | None
) -> tuple[str, str]:
    if meter is None and any(known["event_name"] == event_name for known in state.contents.meters.values()):
        return "archived_meter", f"The meter for {event_name} is archived."
    if meter is None:
        return "no_meter", f"No meter found for event name {event_name}."
    if not customer:
        return "meter_event_no_customer_defined", "The payload names no customer."
    if value is None:
        return "meter_event_value_not_found", "The payload has no value."
    return "meter_event_customer_not_found", f"No such customer: {customer}"


def _reject(state: State, call: Call, *, meter: dict[str, Any] | None, identifier: str, code: str, why: str) -> None:
    state.commit(
        {
            "op": "rejected",
            "id": identifier,
            "scope": call.params["event_name"],
            "meter": meter["id"] if meter else None,
            "code": code,
            "why": why,
            "live": call.livemode,
            "at": call.now_s,
        }
    )
