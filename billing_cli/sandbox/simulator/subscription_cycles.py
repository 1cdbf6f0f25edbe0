"""From one period to the next: the draft for the one that ended, and what its finalization bills of the usage."""

import secrets
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing_cli.sandbox.simulator.invoice_documents import new_invoice, new_line, with_lines
from billing_cli.sandbox.simulator.meters import find_meter
from billing_cli.sandbox.simulator.replies import Refusal
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.subscription_documents import find_subscription, put_subscription
from billing_cli.sandbox.simulator.summaries import usage_total

BILLED = "billed"


def advance(state: State, subscription_id: str, period_end: int | None, now_s: float) -> dict[str, Any]:
    """Into the next period, which ends at `period_end` or lasts as long as the last; returns the draft for the last."""
    subscription = find_subscription(state, subscription_id)
    metered = [item for item in subscription["items"]["data"] if item["price"]["recurring"]["usage_type"] == "metered"]
    if not metered:
        raise Refusal(400, f"Subscription {subscription_id} has no metered price.")
    draft = with_usage(state, _draft(subscription, metered, now_s), now_s)
    state.put("invoice", draft, now_s, "invoice.created")
    items = [_next_period(item, period_end) for item in subscription["items"]["data"]]
    listed = {**subscription["items"], "data": items}
    subscription = {**subscription, "items": listed, "latest_invoice": draft["id"]}
    put_subscription(state, subscription, now_s, "customer.subscription.updated")
    return draft


def with_usage(state: State, invoice: dict[str, Any], now_s: float) -> dict[str, Any]:
    """A draft with the usage of its lines' periods, as far as it is known by now; any other as it is."""
    lines = [_with_quantity(state, invoice, line, now_s) for line in invoice["lines"]["data"]]
    return with_lines(invoice, lines) if any(map(item_of, lines)) else invoice


def note_billed(state: State, invoice: dict[str, Any], now_s: float) -> None:
    """Keep the exact quantity of every metered line that is final now: nothing that arrives later is billed."""
    for line in invoice["lines"]["data"]:
        if item_id := item_of(line):
            billed = {
                "id": f"{invoice['id']} {item_id}",
                "invoice": invoice["id"],
                "subscription": line["parent"]["subscription_item_details"]["subscription"],
                "subscription_item": item_id,
                "customer": invoice["customer"],
                "price": line["pricing"]["price_details"]["price"],
                "meter": _price_of(state, line)["recurring"]["meter"],
                "period_start": line["period"]["start"],
                "period_end": line["period"]["end"],
                "quantity": str(_quantity(state, invoice, line, now_s)),
                "finalized_at": int(now_s),
            }
            state.put(BILLED, billed, now_s)


def _draft(subscription: dict[str, Any], metered: list[dict[str, Any]], now_s: float) -> dict[str, Any]:
    customer, currency = subscription["customer"], subscription["currency"]
    invoice = new_invoice(f"in_{secrets.token_hex(8)}", customer, currency, now_s, subscription["livemode"])
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    invoice |= {
        "auto_advance": True,
        "billing_reason": "subscription_cycle",
        "collection_method": subscription["collection_method"],
        "parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"},
        "period_start": metered[0]["current_period_start"],
        "period_end": metered[0]["current_period_end"],
    }
    return with_lines(invoice, [_line(invoice, item) for item in metered])


def _line(invoice: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    price = item["price"]
    line = new_line(f"il_{secrets.token_hex(8)}", invoice, 0, None)
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": None,
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    of_price = {"price": price["id"], "product": price["product"]}
    return line | {
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pricing": {
            "price_details": of_price,
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "subscription": item["subscription"],
    }


def _next_period(item: dict[str, Any], period_end: int | None) -> dict[str, Any]:
    start = item["current_period_end"]
    end = period_end or start + (start - item["current_period_start"])
    if end <= start:
        raise Refusal(400, f"period_end must be after {start}, where the present period ends.")
    return {**item, "current_period_start": start, "current_period_end": end}


def _with_quantity(state: State, invoice: dict[str, Any], line: dict[str, Any], now_s: float) -> dict[str, Any]:
    if not item_of(line):
        return line
    quantity = _quantity(state, invoice, line, now_s)
    amount = int((quantity * Decimal(line["pricing"]["unit_amount_decimal"])).to_integral_value(ROUND_HALF_UP))
    whole = int(quantity.to_integral_value(ROUND_HALF_UP))
    return {**line, "quantity": whole, "amount": amount, "subtotal": amount}


def _quantity(state: State, invoice: dict[str, Any], line: dict[str, Any], now_s: float) -> Decimal:
    """What the line bills, of the meter or of usage records; a negative total bills as 0."""
    start, end = line["period"]["start"], line["period"]["end"]
    meter_id = _price_of(state, line)["recurring"]["meter"]
    if meter_id is None:
        return Decimal(state.recorded(str(item_of(line)), start, end))
    meter = find_meter(state, meter_id)
    return max(Decimal(0), usage_total(state, meter, invoice["customer"], start, end, now_s))


def _price_of(state: State, line: dict[str, Any]) -> dict[str, Any]:
    details = line["parent"]["subscription_item_details"]
    items = find_subscription(state, details["subscription"])["items"]["data"]
    price: dict[str, Any] = next(item["price"] for item in items if item["id"] == details["subscription_item"])
    return price


def item_of(line: dict[str, Any]) -> str | None:
    """Which subscription item a line bills, if it bills one."""
    details = (line["parent"] or {}).get("subscription_item_details")
    return str(details["subscription_item"]) if details else None
