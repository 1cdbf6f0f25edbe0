"""Invoices: made, read, listed, and handed on to what changes their state."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator import (
    credit_notes,
    customer_balance,
    invoice_items,
    invoice_payments,
    invoice_states,
    subscriptions,
)
from billing_cli.sandbox.simulator.customer_balance import live_customer
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler, TwoIdsHandler
from billing_cli.sandbox.simulator.invoice_documents import find_invoice, new_invoice, shown
from billing_cli.sandbox.simulator.listing import page_of, recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, ok, page, required
from billing_cli.sandbox.simulator.state import State

DAY_S = 86400
STATUSES = ("draft", "open", "paid", "uncollectible", "void")
COLLECTION_METHODS = ("charge_automatically", "send_invoice")
PENDING_ITEMS = ("include", "exclude")


def create_invoice(state: State, call: Call) -> Reply:
    customer = live_customer(state, required(call, "customer"), "customer")
    currency = call.params.get("currency", customer["currency"] or "usd").lower()
    draft = new_invoice(f"in_{secrets.token_hex(8)}", customer["id"], currency, call.now_s, call.livemode)
    draft |= _collection(call) | _texts(call, draft)
    pending = _one_of(call, "pending_invoice_item_behavior", PENDING_ITEMS, "exclude")
    state.put("invoice", draft, call.now_s, "invoice.created")
    if pending == "include" and (items := invoice_items.pending_items(state, customer["id"], currency)):
        draft = invoice_items.attach(state, call, draft, items)
    return ok(shown(state, call, draft))


def get_invoice(state: State, call: Call, invoice_id: str) -> Reply:
    return ok(shown(state, call, find_invoice(state, invoice_id)))


def update_invoice(state: State, call: Call, invoice_id: str) -> Reply:
    """Metadata and description, in any state."""
    invoice = find_invoice(state, invoice_id)
    invoice = {**invoice, **_texts(call, invoice)}
    state.put("invoice", invoice, call.now_s, "invoice.updated")
    return ok(shown(state, call, invoice))


def list_invoices(state: State, call: Call) -> Reply:
    if (status := call.params.get("status")) not in (None, *STATUSES):
        raise Refusal(400, f"Invalid status: must be one of {', '.join(STATUSES)}, not {status}.", param="status")
    subscription = call.params.get("subscription")
    found = recent(
        state,
        call,
        "invoice",
        equal=("customer", "status", "collection_method"),
        where=lambda invoice: subscription is None or _subscription_of(invoice) == subscription,
    )
    return page_of(call, found, lambda invoice: shown(state, call, invoice))


def list_lines(state: State, call: Call, invoice_id: str) -> Reply:
    return page(call, find_invoice(state, invoice_id)["lines"]["data"])


def _subscription_of(invoice: dict[str, Any]) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return str(details["subscription"]) if details else None


def _collection(call: Call) -> dict[str, Any]:
    method = _one_of(call, "collection_method", COLLECTION_METHODS, COLLECTION_METHODS[0])
    days = integer(call, "days_until_due", 0)
    if bool(days) != (method == "send_invoice"):
        raise Refusal(400, "days_until_due goes with collection_method=send_invoice.", param="days_until_due")
    due_date = int(call.now_s) + days * DAY_S if days else None
    automatic = call.params.get("auto_advance", "false") == "true"
    return {"collection_method": method, "due_date": due_date, "auto_advance": automatic}


def _texts(call: Call, invoice: dict[str, Any]) -> dict[str, Any]:
    metadata = {**invoice["metadata"], **mapping(call, "metadata")}
    return {
        "description": call.params.get("description", invoice["description"]),
        "metadata": {key: value for key, value in metadata.items() if value},
    }


def _one_of(call: Call, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = call.params.get(name, default)
    if value not in allowed:
        raise Refusal(400, f"Invalid {name}: must be one of {' or '.join(allowed)}.", param=name)
    return value


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/invoices"): list_invoices,
    ("POST", "/v1/invoices"): create_invoice,
    **invoice_items.PLAIN,
    **invoice_payments.PLAIN,
    **credit_notes.PLAIN,
    **subscriptions.PLAIN,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/invoices/", ""): get_invoice,
    ("POST", "/v1/invoices/", ""): update_invoice,
    ("GET", "/v1/invoices/", "/lines"): list_lines,
    **invoice_states.WITH_ID,
    **invoice_items.WITH_ID,
    **invoice_payments.WITH_ID,
    **customer_balance.WITH_ID,
    **credit_notes.WITH_ID,
    **subscriptions.WITH_ID,
}
WITH_TWO_IDS: dict[tuple[str, str, str], TwoIdsHandler] = {**customer_balance.WITH_TWO_IDS}
