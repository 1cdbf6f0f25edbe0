"""What Stripe finds wrong with a meter event, at once or afterwards: a code and a sentence, or None."""

from decimal import Decimal, InvalidOperation
from typing import Any

from billing_cli.sandbox.simulator.state import State

MAX_IDENTIFIER_LENGTH = 100
MAX_SIGNIFICANT_DIGITS = 15
MAX_AGE_S = 35 * 86400
MAX_AHEAD_S = 5 * 60

Finding = tuple[str, str]


def timestamp_fault(timestamp: int, now_s: float) -> Finding | None:
    if timestamp < now_s - MAX_AGE_S:
        return "timestamp_too_far_in_past", "The timestamp must be within the past 35 calendar days."
    if timestamp > now_s + MAX_AHEAD_S:
        return "timestamp_in_future", "The timestamp must not be more than 5 minutes in the future."
    return None


def value_fault(text: str) -> Finding | None:
    if len(text) <= MAX_SIGNIFICANT_DIGITS and text.isascii() and text.isdigit():
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        return "meter_event_invalid_value", f"Invalid value: {text} is not a number."
    if len(value.normalize().as_tuple().digits) > MAX_SIGNIFICANT_DIGITS:
        return (
            "meter_event_value_too_many_digits",
            f"Invalid value: more than {MAX_SIGNIFICANT_DIGITS} significant digits.",
        )
    return None


def addressee_fault(
    state: State, meter: dict[str, Any] | None, event_name: str, payload: dict[str, str]
) -> Finding | None:
    """Of the meter, the customer and whether there is a value: never found out at once."""
    if meter is None:
        if any(known["event_name"] == event_name for known in state.contents.meters.values()):
            return "archived_meter", f"The meter for {event_name} is archived."
        return "no_meter", f"No meter found for event name {event_name}."
    customer_id = payload.get(meter["customer_mapping"]["event_payload_key"])
    if not customer_id:
        return "meter_event_no_customer_defined", "The payload names no customer."
    customer = state.contents.customers.get(customer_id)
    if customer is None or "deleted" in customer:
        return "meter_event_customer_not_found", f"No such customer: {customer_id}"
    if meter["value_settings"]["event_payload_key"] not in payload:
        return "meter_event_invalid_value", "The payload has no value."
    return None


def customer_key(meter: dict[str, Any] | None) -> str:
    return str(meter["customer_mapping"]["event_payload_key"]) if meter else "stripe_customer_id"


def value_key(meter: dict[str, Any] | None) -> str:
    return str(meter["value_settings"]["event_payload_key"]) if meter else "value"
