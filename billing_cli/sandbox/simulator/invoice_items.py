"""Invoice items: lines that wait for the next invoice, or change a draft."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.customer_balance import live_customer
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.invoice_documents import find_invoice, new_line, with_lines
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

NOUN = "invoiceitem"


def create_item(state: State, call: Call) -> Reply:
    """The amount may be negative. With `invoice`, a draft's total changes at once."""
    customer = live_customer(state, required(call, "customer"), "customer")
    item = _new_item(call, customer["id"], integer(call, "amount"), required(call, "currency").lower())
    draft = _draft_for(state, item) if item["invoice"] else None
    state.put(NOUN, item, call.now_s, "invoiceitem.created")
    if draft is not None:
        attach(state, call, draft, [item])
    return ok(item)


def list_items(state: State, call: Call) -> Reply:
    pending = call.params.get("pending")
    found = [
        item
        for item in state.objects(NOUN).values()
        if pending is None or item.get("deleted") or (item["invoice"] is None) == (pending == "true")
    ]
    return page(call, listed(call, found, equal=("customer", "invoice"), time="date"))


def get_item(state: State, call: Call, item_id: str) -> Reply:
    return ok(_find(state, item_id))


def delete_item(state: State, call: Call, item_id: str) -> Reply:
    item = _find(state, item_id)
    if item["invoice"]:
        invoice = _editable(find_invoice(state, item["invoice"]))
        lines = [line for line in invoice["lines"]["data"] if _item_of(line) != item_id]
        state.put("invoice", with_lines(invoice, lines), call.now_s, "invoice.updated")
    gone = {"id": item_id, "object": NOUN, "deleted": True}
    state.put(NOUN, gone, call.now_s, "invoiceitem.deleted")
    return ok(gone)


def pending_items(state: State, customer_id: str, currency: str) -> list[dict[str, Any]]:
    """What waits for the customer's next invoice in that currency, oldest first."""
    return [
        item
        for item in state.objects(NOUN).values()
        if not item.get("deleted")
        and (item["customer"], item["currency"], item["invoice"]) == (customer_id, currency, None)
    ]


def attach(state: State, call: Call, invoice: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """Make lines of the draft from the items; returns it as it is then."""
    lines = [
        new_line(f"il_{item['id'].removeprefix('ii_')}", invoice, item["amount"], item["description"], item["id"])
        for item in items
    ]
    for item in items:
        state.put(NOUN, {**item, "invoice": invoice["id"]}, call.now_s)
    invoice = with_lines(invoice, [*invoice["lines"]["data"], *lines])
    state.put("invoice", invoice, call.now_s, "invoice.updated")
    return invoice


def _new_item(call: Call, customer_id: str, amount: int, currency: str) -> dict[str, Any]:
    now_s = int(call.now_s)
    return {
        "id": f"ii_{secrets.token_hex(8)}",
        "object": NOUN,
        "amount": amount,
        "currency": currency,
        "customer": customer_id,
        "date": now_s,
        "description": call.params.get("description"),
        "discountable": amount >= 0,
        "discounts": [],
        "invoice": call.params.get("invoice") or None,
        "livemode": call.livemode,
        "metadata": mapping(call, "metadata"),
        "net_amount": amount,
        "parent": None,
        "period": {"end": now_s, "start": now_s},
        "pricing": None,
        "proration": False,
        "quantity": 1,
        "tax_rates": [],
    }


def _draft_for(state: State, item: dict[str, Any]) -> dict[str, Any]:
    invoice = _editable(find_invoice(state, item["invoice"], "invoice"))
    if invoice["customer"] != item["customer"]:
        raise Refusal(400, f"Invoice {invoice['id']} belongs to another customer.", param="invoice")
    if invoice["currency"] != item["currency"]:
        raise Refusal(400, f"Invoice {invoice['id']} is in {invoice['currency']}.", param="currency")
    return invoice


def _editable(invoice: dict[str, Any]) -> dict[str, Any]:
    if invoice["status"] != "draft":
        raise Refusal(400, "The invoice is no longer editable.", code="invoice_not_editable", param="invoice")
    return invoice


def _find(state: State, item_id: str) -> dict[str, Any]:
    item = state.objects(NOUN).get(item_id)
    if item is None or item.get("deleted"):
        raise missing("invoiceitem", item_id, "invoiceitem")
    return item


def _item_of(line: dict[str, Any]) -> str | None:
    return line["parent"]["invoice_item_details"]["invoice_item"] if line["parent"] else None


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/invoiceitems"): list_items,
    ("POST", "/v1/invoiceitems"): create_item,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/invoiceitems/", ""): get_item,
    ("DELETE", "/v1/invoiceitems/", ""): delete_item,
}
