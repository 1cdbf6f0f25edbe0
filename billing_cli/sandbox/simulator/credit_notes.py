"""Credit notes: corrections of invoices that are final already."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.credit_note_documents import NOUN, PREVIEW_ID, new_credit_note
from billing_cli.sandbox.simulator.credit_note_lines import lines_of
from billing_cli.sandbox.simulator.credit_note_sums import Sums, sums_of
from billing_cli.sandbox.simulator.customer_balance import check_currency, live_customer, move
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.invoice_documents import find_invoice
from billing_cli.sandbox.simulator.invoice_payments import payment_intent_of
from billing_cli.sandbox.simulator.invoice_states import settle
from billing_cli.sandbox.simulator.listing import recent
from billing_cli.sandbox.simulator.refunds import make_refund
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
EMAIL_TYPES = ("credit_note", "none")


def preview_credit_note(state: State, call: Call) -> Reply:
    """The same sums and the same refusals, and nothing happens."""
    invoice, lines, sums = _wish(state, call)
    return ok(new_credit_note(state, call, PREVIEW_ID, invoice, lines, sums))


def create_credit_note(state: State, call: Call) -> Reply:
    invoice, lines, sums = _wish(state, call)
    note_id = f"cn_{secrets.token_hex(8)}"
    refunds = [_refund(state, call, invoice, sums.refund)] if sums.refund else []
    note = new_credit_note(state, call, note_id, invoice, lines, sums) | {"refunds": refunds}
    if sums.credit:
        moved = move(
            state, call, invoice["customer"], -sums.credit, invoice["currency"], "credit_note",
            credit_note=note_id, invoice=invoice["id"],
        )  # fmt: skip
        note["customer_balance_transaction"] = moved["id"]
    state.put(NOUN, note, call.now_s, "credit_note.created")
    _correct(state, call, invoice, sums.pre_payment, sums.post_payment)
    return ok(note)


def get_credit_note(state: State, call: Call, note_id: str) -> Reply:
    return ok(_find(state, note_id))


def list_credit_notes(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, NOUN, equal=("invoice", "customer")))


def list_lines(state: State, call: Call, note_id: str) -> Reply:
    return page(call, _find(state, note_id)["lines"]["data"])


def void_credit_note(state: State, call: Call, note_id: str) -> Reply:
    """Only while the invoice is open: money that was given back stays with the customer."""
    note = _find(state, note_id)
    invoice = find_invoice(state, note["invoice"])
    if note["status"] == "void" or note["post_payment_amount"] or invoice["status"] != "open":
        raise Refusal(400, "Only issued credit notes on open invoices can be voided.")
    note = {**note, "status": "void", "voided_at": int(call.now_s)}
    state.put(NOUN, note, call.now_s, "credit_note.voided")
    _correct(state, call, invoice, -note["pre_payment_amount"], 0)
    return ok(note)


def _wish(state: State, call: Call) -> tuple[dict[str, Any], list[dict[str, Any]], Sums]:
    for name, allowed in (("reason", REASONS), ("email_type", EMAIL_TYPES)):
        if call.params.get(name, allowed[0]) not in allowed:
            raise Refusal(400, f"Invalid {name}: must be one of {', '.join(allowed)}.", param=name)
    invoice = find_invoice(state, required(call, "invoice"), "invoice")
    lines = lines_of(call, invoice)
    sums = sums_of(call, invoice, lines)
    if sums.refund and payment_intent_of(state, invoice["id"]) not in state.objects("payment_intent"):
        raise Refusal(400, "The invoice has no payment in Stripe that could be refunded.", param="refund_amount")
    if sums.credit:
        check_currency(live_customer(state, invoice["customer"], "invoice"), invoice["currency"])
    return invoice, lines, sums


def _refund(state: State, call: Call, invoice: dict[str, Any], amount: int) -> dict[str, Any]:
    payment_intent = state.objects("payment_intent")[payment_intent_of(state, invoice["id"]) or ""]
    charge = state.objects("charge")[payment_intent["latest_charge"]]
    refund = make_refund(state, call, charge, amount, None, {})
    return {"amount_refunded": amount, "payment_record_refund": None, "refund": refund["id"], "type": "refund"}


def _correct(state: State, call: Call, invoice: dict[str, Any], pre_payment: int, post_payment: int) -> None:
    """What the credit does to the invoice; one with nothing left to pay is paid."""
    invoice = {
        **invoice,
        "amount_due": invoice["amount_due"] - pre_payment,
        "amount_remaining": invoice["amount_remaining"] - pre_payment,
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + pre_payment,
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + post_payment,
    }
    state.put("invoice", invoice, call.now_s, "invoice.updated")
    if invoice["status"] == "open" and not invoice["amount_remaining"]:
        settle(state, call, invoice)


def _find(state: State, note_id: str) -> dict[str, Any]:
    if (found := state.objects(NOUN).get(note_id)) is None:
        raise missing("credit note", note_id)
    return found


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/credit_notes"): list_credit_notes,
    ("POST", "/v1/credit_notes"): create_credit_note,
    ("GET", "/v1/credit_notes/preview"): preview_credit_note,
    ("POST", "/v1/credit_notes/preview"): preview_credit_note,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/credit_notes/", ""): get_credit_note,
    ("GET", "/v1/credit_notes/", "/lines"): list_lines,
    ("POST", "/v1/credit_notes/", "/void"): void_credit_note,
}
