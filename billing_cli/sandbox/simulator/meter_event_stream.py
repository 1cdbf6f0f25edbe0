"""The stream of version 2: a session for the key, then a hundred events a request, all of them checked afterwards."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.instants import epoch_s, iso
from billing_cli.sandbox.simulator.meter_event_checks import (
    MAX_IDENTIFIER_LENGTH,
    Finding,
    addressee_fault,
    customer_key,
    timestamp_fault,
    value_fault,
    value_key,
)
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, ok
from billing_cli.sandbox.simulator.state import State, StreamSession
from billing_cli.sandbox.simulator.usage import Row

SESSIONS = "/v2/billing/meter_event_session"
STREAM = "/v2/billing/meter_event_stream"
SESSION_S = 15 * 60
MAX_EVENTS = 100
# event name, identifier, payload, timestamp
Event = tuple[str, str, dict[str, str], int]


def create_session(state: State, call: Call) -> Reply:
    """A token that is good for 15 minutes; how Stripe refuses one in test mode is not documented."""
    if not (call.livemode or state.settings.stream_in_test_mode):
        raise Refusal(400, "Meter event streams are available in live mode only.")
    session = {"op": "session", "token": f"token_{secrets.token_urlsafe(24)}", "live": call.livemode}
    state.commit({**session, "expires_s": call.now_s + SESSION_S})
    return ok(
        {
            "id": f"bmes_{secrets.token_hex(8)}",
            "object": "v2.billing.meter_event_session",
            "authentication_token": session["token"],
            "created": iso(call.now_s),
            "expires_at": iso(call.now_s + SESSION_S),
            "livemode": call.livemode,
        }
    )


def session_of(state: State, token: str) -> StreamSession:
    """Raises Refusal: 401 with the code that Stripe documents, for a token that is unknown as well."""
    session = state.contents.sessions.get(token)
    if session is None or state.now_s() >= session.expires_s:
        raise Refusal(
            401,
            "The temporary session token has expired.",
            kind="temporary_session_expired",
            code="billing_meter_event_session_expired",
        )
    return session


def create_events(state: State, call: Call) -> Reply:
    """Answers 200 and nothing else for every request of the right shape, whatever is wrong with its events."""
    taken = state.contents.usage
    rows: list[Row] = []
    fresh: set[str] = set()
    duplicates = 0
    for event in read_events(call):
        event_name, identifier, payload, timestamp = event
        if identifier in fresh or taken.is_taken(identifier, call.now_s):
            duplicates += 1
            continue
        fresh.add(identifier)
        meter = state.contents.active_meters.get(event_name)
        if finding := _finding(state, meter, event, call.now_s):
            state.reject(identifier, event_name, finding, call.now_s, call.livemode)
        else:
            rows.append((identifier, event_name, payload[customer_key(meter)], payload[value_key(meter)], timestamp))
    if rows:
        state.commit({"op": "meter_events", "rows": rows, "at": call.now_s})
    if duplicates:
        state.commit({"op": "duplicates", "count": duplicates})
    return ok({})


def read_events(call: Call) -> list[Event]:
    """The events of a request. Raises Refusal where it does not have the documented shape, all of it then."""
    events = call.document.get("events") if isinstance(call.document, dict) else None
    if not isinstance(events, list):
        raise Refusal(400, "The request body must be JSON with a list of events.", param="events")
    if len(events) > MAX_EVENTS:
        raise Refusal(400, f"At most {MAX_EVENTS} events per request, not {len(events)}.", param="events")
    now = int(call.now_s)
    try:
        return [_read_event(event, now) for event in events]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal(
            400,
            "An event has an event_name, a payload of strings, and if you like an identifier of at most "
            f"{MAX_IDENTIFIER_LENGTH} characters and a timestamp like 2026-10-01T12:00:00Z.",
            param="events",
        ) from None


def _read_event(event: dict[str, Any], now: int) -> Event:
    event_name, payload = event["event_name"], event["payload"]
    identifier, timestamp = event.get("identifier"), event.get("timestamp")
    if identifier is None:
        identifier = secrets.token_hex(16)
    if not (event_name and len(identifier) <= MAX_IDENTIFIER_LENGTH and _is_text(event_name, identifier)):
        raise ValueError
    if not _is_text(*payload.values()):
        raise ValueError
    return event_name, identifier, payload, now if timestamp is None else int(epoch_s(timestamp))


def _is_text(*values: Any) -> bool:
    return all(type(value) is str for value in values)


def _finding(state: State, meter: dict[str, Any] | None, event: Event, now_s: float) -> Finding | None:
    event_name, _, payload, timestamp = event
    return (
        addressee_fault(state, meter, event_name, payload)
        or timestamp_fault(timestamp, now_s)
        or value_fault(payload[value_key(meter)])
    )
