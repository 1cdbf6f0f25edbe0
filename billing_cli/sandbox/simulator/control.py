"""The operator's side of the simulator, under /_sandbox: faults, clock, bulk data, and the exact totals."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from billing_cli.sandbox.simulator import (
    control_invoices,
    control_payments,
    control_payouts,
    control_prices,
    control_subscriptions,
    control_webhooks,
)
from billing_cli.sandbox.simulator.customers import new_customer
from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.meters import new_meter
from billing_cli.sandbox.simulator.replies import Refusal, encode
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.summaries import ORDERS
from billing_cli.sandbox.simulator.usage import EXACT

GROUPINGS = {"meter": (0,), "customer": (0, 1), "hour": (0, 1, 2)}
TOTAL_FIELDS = ("event_name", "customer", "hour")

Action = Callable[[State, Faults, dict[str, Any]], Any]


def respond(state: State, faults: Faults, request: web.BaseRequest, body: bytes) -> web.Response:
    """Every control call is JSON in, JSON out; what cannot be understood is a 400 with a sentence."""
    action = ACTIONS.get((request.method, request.path))
    if action is None:
        return _json({"error": f"No such control: {request.method} {request.path}"}, 404)
    try:
        wish = {**dict(request.query), **(json.loads(body) if body else {})}
        answer = action(state, faults, wish)
        state.journal.flush()
        return _json(answer)
    except Refusal as refusal:
        return _json({"error": refusal.error["message"]}, 400)
    except (ValueError, KeyError, TypeError) as error:
        return _json({"error": f"Unreadable request: {error!r}"}, 400)


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(document), status=status, content_type="application/json")


def _status(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    c = state.contents
    return {
        "simulator": "billing-sandbox",
        "accepted": c.usage.accepted,
        "rejected": c.usage.rejected,
        "duplicates": c.usage.duplicates,
        "customers": len(c.customers),
        "meters": len(c.meters),
        "requests": state.request_count,
        "rate_limited": state.rate_limited,
        "faults": len(faults.active),
        "permissions_asked": sorted(state.asked),
        "clock_offset_s": c.clock_offset_s,
        **vars(state.settings),
    }


def _totals(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Exact sums of the accepted events, as text; `hour` is the start of the hour in epoch seconds."""
    if wish.get("by", "hour") not in GROUPINGS:
        raise Refusal(400, "Totals are by meter, customer or hour.")
    parts = GROUPINGS[wish.get("by", "hour")]
    sums: dict[tuple[str | int, ...], Decimal] = {}
    for key, value in state.contents.usage.totals.items():
        group = tuple(key[part] for part in parts)
        sums[group] = EXACT.add(sums.get(group, Decimal(0)), value)
    return {
        "totals": [
            {**{TOTAL_FIELDS[part]: group[part] for part in parts}, "value": exact_text(total)}
            for group, total in sorted(sums.items())
        ]
    }


def exact_text(value: Decimal) -> str:
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _log(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {
        "log": [
            {"method": line.method, "path": line.path, "status": line.status, "at": line.at_s}
            | ({"identifier": line.identifier} if line.identifier else {})
            | ({} if line.events is None else {"events": line.events})
            | ({"idempotency_key": line.idempotency_key} if line.idempotency_key else {})
            for line in state.log
        ]
    }


def _objects(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {"objects": list(state.objects(str(wish["noun"])).values())}


def _events(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {
        "events": [
            {
                "identifier": event.identifier,
                "event_name": event.event_name,
                "customer": event.customer,
                "value": exact_text(event.value),
                "timestamp": event.timestamp,
            }
            for event in state.contents.usage.events()
        ]
    }


def _bulk(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Create or replace customers (by id) and meters (by event name) without a call for each.

    With `keep`, those that are there already stay as they are.
    """
    now_s, keep = state.now_s(), bool(wish.get("keep"))
    for row in wish.get("customers", []):
        if not (keep and row["id"] in state.contents.customers):
            customer = {**new_customer(row["id"], now_s, False), **row}
            state.commit({"op": "customer", "object": customer, "at": now_s, "quiet": True})
    for row in wish.get("meters", []):
        if not (keep and row["event_name"] in state.contents.active_meters):
            state.commit({"op": "meter", "object": _meter(state, row, now_s), "at": now_s, "quiet": True})
    return _status(state, faults, wish)


def _meter(state: State, row: dict[str, Any], now_s: float) -> dict[str, Any]:
    known = state.contents.active_meters.get(row["event_name"], {})
    rest = {name: value for name, value in row.items() if name not in ("event_name", "id")}
    return new_meter(row["event_name"], now_s, False, meter_id=row.get("id") or known.get("id"), **rest)


def _put_events(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Events of the past, as if they had happened: {type, created, object} and an id where it matters."""
    for row in sorted(wish["events"], key=lambda row: int(row["created"])):
        event = {
            "id": row.get("id") or f"evt_{len(state.contents.events) + 1:08d}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(row["created"]),
            "data": {"object": row["object"]},
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": row["type"],
        }
        state.commit({"op": "event", "event": event})
    return _status(state, faults, wish)


def _clock(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    state.commit({"op": "clock", "offset_s": float(wish["offset_s"])})
    return _status(state, faults, wish)


def _settings(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    if unknown := set(wish) - set(vars(state.settings)):
        raise Refusal(400, f"Unknown setting: {', '.join(sorted(unknown))}.")
    if wish.get("last_by", "received") not in ORDERS:
        raise Refusal(400, f"last_by is one of {', '.join(ORDERS)}.")
    for name, value in wish.items():
        kind = type(getattr(state.settings, name))
        setattr(state.settings, name, kind(value))
    return _status(state, faults, wish)


def _reset(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    state.reset()
    faults.clear()
    return _status(state, faults, wish)


def _add_fault(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return faults.add(wish).document()


def _clear_faults(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    faults.clear()
    return _list_faults(state, faults, wish)


def _list_faults(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {"faults": [fault.document() for fault in faults.active]}


ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "/_sandbox"): _status,
    ("GET", "/_sandbox/status"): _status,
    ("GET", "/_sandbox/totals"): _totals,
    ("GET", "/_sandbox/log"): _log,
    ("GET", "/_sandbox/events"): _events,
    ("GET", "/_sandbox/objects"): _objects,
    ("GET", "/_sandbox/faults"): _list_faults,
    ("POST", "/_sandbox/faults"): _add_fault,
    ("DELETE", "/_sandbox/faults"): _clear_faults,
    ("POST", "/_sandbox/bulk"): _bulk,
    ("POST", "/_sandbox/stripe_events"): _put_events,
    ("POST", "/_sandbox/clock"): _clock,
    ("POST", "/_sandbox/settings"): _settings,
    ("POST", "/_sandbox/reset"): _reset,
    **control_invoices.ACTIONS,
    **control_payments.ACTIONS,
    **control_payouts.ACTIONS,
    **control_prices.ACTIONS,
    **control_subscriptions.ACTIONS,
    **control_webhooks.ACTIONS,
}
