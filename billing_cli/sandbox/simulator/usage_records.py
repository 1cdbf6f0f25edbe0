"""Usage records: how usage was reported before meters, gone since API version 2025-03-31.basil."""

import hashlib
import secrets
from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, ok, page, unrecognized
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.subscription_cycles import item_of
from billing_cli.sandbox.simulator.subscription_documents import find_item

LAST_VERSION = "2025-02-24.acacia"
ACTIONS = ("increment", "set")


def create_record(state: State, call: Call, item_id: str) -> Reply:
    """`set` replaces what the item has at this timestamp, `increment` adds to it; only within the open period."""
    item = _legacy_item(state, call, item_id)
    quantity = integer(call, "quantity")
    if quantity < 0:
        raise Refusal(400, "Invalid quantity: must be at least 0.", code="parameter_invalid_integer", param="quantity")
    if (action := call.params.get("action", "increment")) not in ACTIONS:
        raise Refusal(400, f"Invalid action: must be one of {' or '.join(ACTIONS)}.", param="action")
    timestamp = _timestamp(call, item)
    record = {"op": "usage_record", "item": item_id, "timestamp": timestamp, "quantity": quantity, "action": action}
    state.commit(record)
    return ok(
        {
            "id": f"mbur_{secrets.token_hex(12)}",
            "object": "usage_record",
            "livemode": call.livemode,
            "quantity": quantity,
            "subscription_item": item_id,
            "timestamp": timestamp,
        }
    )


def list_summaries(state: State, call: Call, item_id: str) -> Reply:
    """One for the open period and one for each that has an invoice, newest first."""
    item = _legacy_item(state, call, item_id)
    past = [
        _summary(state, item, line["period"]["start"], line["period"]["end"], invoice["id"])
        for invoice in reversed(state.objects("invoice").values())
        for line in invoice["lines"]["data"]
        if item_of(line) == item_id
    ]
    return page(call, [_summary(state, item, item["current_period_start"], item["current_period_end"], None), *past])


def _legacy_item(state: State, call: Call, item_id: str) -> dict[str, Any]:
    """Raises Refusal: 404 as for an unknown address under a newer version, 400 for an item of another kind."""
    # Versions are dates first; a request without one has the account's, which is the newest here.
    if not call.version or call.version > LAST_VERSION:
        raise unrecognized(call)
    item = find_item(state, item_id)
    recurring = item["price"]["recurring"]
    if recurring["usage_type"] != "metered" or recurring["meter"]:
        raise Refusal(
            400,
            f"Cannot create a usage record for {item_id}: its price is not metered, or has a meter and takes meter "
            "events.",
        )
    return item


def _timestamp(call: Call, item: dict[str, Any]) -> int:
    now = call.params.get("timestamp", "now") == "now"
    timestamp = int(call.now_s) if now else integer(call, "timestamp")
    if timestamp > call.now_s:
        raise Refusal(400, "Invalid timestamp: must not be in the future.", param="timestamp")
    if not item["current_period_start"] <= timestamp < item["current_period_end"]:
        raise Refusal(
            400,
            "Invalid timestamp: must be within the current billing period of the subscription.",
            param="timestamp",
        )
    return timestamp


def _summary(state: State, item: dict[str, Any], start: int, end: int, invoice: str | None) -> dict[str, Any]:
    identity = hashlib.sha256(f"{item['id']}|{start}".encode()).hexdigest()[:24]
    return {
        "id": f"sis_{identity}",
        "object": "usage_record_summary",
        "invoice": invoice,
        "livemode": item["price"]["livemode"],
        "period": {"end": end, "start": start},
        "subscription_item": item["id"],
        "total_usage": state.recorded(item["id"], start, end),
    }


WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("POST", "/v1/subscription_items/", "/usage_records"): create_record,
    ("GET", "/v1/subscription_items/", "/usage_record_summaries"): list_summaries,
}
