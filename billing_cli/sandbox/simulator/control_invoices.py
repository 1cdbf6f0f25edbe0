"""The operator's side of invoices: put them there, quietly, and make their PDFs go wrong."""

from typing import Any

from billing_cli.sandbox.simulator.customers import new_customer
from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.invoice_documents import new_invoice, new_line, tax_rate, with_lines
from billing_cli.sandbox.simulator.invoice_numbers import next_invoice_number
from billing_cli.sandbox.simulator.invoice_payments import link_payment
from billing_cli.sandbox.simulator.invoice_pdf import set_fault
from billing_cli.sandbox.simulator.replies import Refusal
from billing_cli.sandbox.simulator.state import State

STATUSES = ("draft", "open", "paid", "uncollectible", "void")
COLLECTED = ("collection_method", "attempt_count", "next_payment_attempt")
MOMENTS = {"paid": "paid_at", "void": "voided_at", "uncollectible": "marked_uncollectible_at"}


def put_invoices(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Create or replace, by id; with `keep` those that are there already stay as they are."""
    known = state.objects("invoice")
    rows = [row for row in wish["invoices"] if not (wish.get("keep") and row["id"] in known)]
    for row in rows:
        _put_invoice(state, row)
    return {"invoices": len(rows)}


def put_balance(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """A customer's balance in minor units, without a transaction that explains it."""
    now_s = state.now_s()
    known = state.contents.customers.get(wish["customer"], new_customer(wish["customer"], now_s, False))
    customer = {**known, "balance": int(wish["balance"]), "currency": wish["currency"]}
    state.commit({"op": "customer", "object": customer, "at": now_s, "quiet": True})
    return customer


def put_pdf_fault(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    set_fault(state, wish["invoice"], wish.get("fault"))
    return {"faults": [one for one in state.objects("pdf_fault").values() if one["fault"]]}


def _put_invoice(state: State, row: dict[str, Any]) -> None:
    status, created = row["status"], int(row.get("created", state.now_s()))
    if status not in STATUSES:
        raise Refusal(400, f"Unknown invoice status {status!r}: use one of {', '.join(STATUSES)}.")
    invoice = new_invoice(row["id"], row["customer"], row.get("currency", "usd"), created, False)
    invoice |= {name: row[name] for name in COLLECTED if name in row}
    if percent := row.get("tax_percent"):
        invoice["default_tax_rates"] = [tax_rate(float(percent))]
    invoice = _filled(invoice, row.get("lines", []))
    if status != "draft":
        invoice = _final(invoice, status, _number(state, row), created)
    if status == "open" and (parts := row.get("payments")):
        paid = sum(int(part["amount"]) for part in parts)
        invoice |= {"amount_paid": paid, "amount_remaining": invoice["amount_due"] - paid}
    state.put("invoice", invoice, created)
    _name_currency(state, invoice)
    if payment_intent := row.get("payment_intent"):
        link_payment(state, invoice, payment_intent, invoice["amount_paid"], created, is_open=status == "open")
    for number, part in enumerate(row.get("payments", []), 1):
        link_payment(state, invoice, part["payment_intent"], int(part["amount"]), created, number)


def _filled(invoice: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    stem = invoice["id"].removeprefix("in_")
    return with_lines(
        invoice,
        [
            new_line(f"il_{stem}_{number}", invoice, int(row["amount"]), row.get("description"))
            for number, row in enumerate(rows, 1)
        ],
    )


def _number(state: State, row: dict[str, Any]) -> str:
    known = state.objects("invoice").get(row["id"], {}).get("number")
    return row.get("number") or known or next_invoice_number(state, row["customer"])


def _final(invoice: dict[str, Any], status: str, number: str, at_s: int) -> dict[str, Any]:
    """Finalized, and all that came after it, at one moment."""
    moments = {"finalized_at": at_s} | ({MOMENTS[status]: at_s} if status in MOMENTS else {})
    paid = {"amount_paid": invoice["amount_due"], "amount_remaining": 0} if status == "paid" else {}
    about = {"status": status, "number": number, "effective_at": at_s, "ending_balance": 0}
    return {**invoice, **about, **paid, "status_transitions": {**invoice["status_transitions"], **moments}}


def _name_currency(state: State, invoice: dict[str, Any]) -> None:
    """A customer who was billed once has a currency."""
    customer = state.contents.customers.get(invoice["customer"])
    if customer and not customer.get("deleted") and customer["currency"] is None:
        customer = {**customer, "currency": invoice["currency"]}
        state.commit({"op": "customer", "object": customer, "at": state.now_s(), "quiet": True})


ACTIONS = {
    ("POST", "/_sandbox/invoices"): put_invoices,
    ("POST", "/_sandbox/customers_balance"): put_balance,
    ("POST", "/_sandbox/pdf"): put_pdf_fault,
}
