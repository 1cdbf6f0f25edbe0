"""From draft to open to paid, void or uncollectible."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.customer_balance import move
from billing_cli.sandbox.simulator.handlers import IdHandler
from billing_cli.sandbox.simulator.invoice_documents import applicable_balance, find_invoice, shown
from billing_cli.sandbox.simulator.invoice_numbers import next_invoice_number
from billing_cli.sandbox.simulator.invoice_payments import link_payment
from billing_cli.sandbox.simulator.payments import new_payment_intent, succeed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, ok
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.subscription_cycles import note_billed, with_usage


def finalize_invoice(state: State, call: Call, invoice_id: str) -> Reply:
    """Number and links appear, usage is counted for the last time, and the customer's balance is applied.

    With nothing left to pay it is paid.
    """
    invoice = find_invoice(state, invoice_id)
    if invoice["status"] != "draft":
        raise Refusal(400, "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    invoice = _with_balance(state, call, with_usage(state, invoice, call.now_s))
    opened = {
        "status": "open",
        "number": next_invoice_number(state, invoice["customer"]),
        "effective_at": int(call.now_s),
    }
    invoice = _moment({**invoice, **opened, "amount_remaining": invoice["amount_due"]}, "finalized_at", call)
    state.put("invoice", invoice, call.now_s, "invoice.finalized")
    note_billed(state, invoice, call.now_s)
    return ok(shown(state, call, invoice if invoice["amount_due"] else settle(state, call, invoice)))


def pay_invoice(state: State, call: Call, invoice_id: str) -> Reply:
    """Outside of Stripe with `paid_out_of_band`, otherwise by a payment that succeeds at once."""
    invoice = find_invoice(state, invoice_id)
    _check_payable(invoice)
    amount = invoice["amount_remaining"]
    if call.params.get("paid_out_of_band") == "true":
        return ok(shown(state, call, settle(state, call, {**invoice, "amount_paid_off_stripe": amount})))
    payment_intent = _payment(state, call, invoice)
    link_payment(state, invoice, payment_intent, amount, call.now_s)
    tried = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    return ok(shown(state, call, settle(state, call, {**invoice, **tried})))


def void_invoice(state: State, call: Call, invoice_id: str) -> Reply:
    """What it took from the customer's balance goes back there."""
    invoice = _unpaid(find_invoice(state, invoice_id), "void", ("open", "uncollectible"))
    taken = invoice["ending_balance"] - invoice["starting_balance"]
    if taken:
        move(state, call, invoice["customer"], -taken, invoice["currency"], "unapplied_from_invoice",
             invoice=invoice_id)  # fmt: skip
    invoice = _moment({**invoice, "status": "void"}, "voided_at", call)
    state.put("invoice", invoice, call.now_s, "invoice.voided")
    return ok(shown(state, call, invoice))


def mark_uncollectible(state: State, call: Call, invoice_id: str) -> Reply:
    invoice = _unpaid(find_invoice(state, invoice_id), "mark as uncollectible", ("open",))
    invoice = _moment({**invoice, "status": "uncollectible"}, "marked_uncollectible_at", call)
    state.put("invoice", invoice, call.now_s, "invoice.marked_uncollectible")
    return ok(shown(state, call, invoice))


def settle(state: State, call: Call, invoice: dict[str, Any]) -> dict[str, Any]:
    """The invoice paid in full; returns it as it is then."""
    paid = {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
    invoice = _moment({**invoice, **paid}, "paid_at", call)
    state.put("invoice", invoice, call.now_s, "invoice.paid")
    return invoice


def _with_balance(state: State, call: Call, invoice: dict[str, Any]) -> dict[str, Any]:
    """A debt is added to what is due; a credit is used up as far as it is needed; a negative total is a credit."""
    starting = applicable_balance(state, invoice)
    ending = min(0, starting + invoice["total"])
    if ending != starting:
        move(state, call, invoice["customer"], ending - starting, invoice["currency"], "applied_to_invoice",
             invoice=invoice["id"])  # fmt: skip
    due = max(0, starting + invoice["total"])
    return {**invoice, "starting_balance": starting, "ending_balance": ending, "amount_due": due}


def _check_payable(invoice: dict[str, Any]) -> None:
    if invoice["status"] == "paid":
        raise Refusal(400, "Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise Refusal(400, f"Invoice is {invoice['status']}: only open invoices can be paid.")


def _payment(state: State, call: Call, invoice: dict[str, Any]) -> str:
    """A payment over what is left; returns its id."""
    intent = new_payment_intent(
        f"pi_{secrets.token_hex(12)}",
        invoice["customer"],
        invoice["amount_remaining"],
        invoice["currency"],
        call.now_s,
        livemode=call.livemode,
    )
    return str(succeed(state, intent, intent["amount"], call.now_s)["id"])


def _unpaid(invoice: dict[str, Any], verb: str, statuses: tuple[str, ...]) -> dict[str, Any]:
    if invoice["status"] not in statuses:
        raise Refusal(400, f"You can only {verb} an {' or '.join(statuses)} invoice: this one is {invoice['status']}.")
    return invoice


def _moment(invoice: dict[str, Any], name: str, call: Call) -> dict[str, Any]:
    return {**invoice, "status_transitions": {**invoice["status_transitions"], name: int(call.now_s)}}


WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("POST", "/v1/invoices/", "/finalize"): finalize_invoice,
    ("POST", "/v1/invoices/", "/pay"): pay_invoice,
    ("POST", "/v1/invoices/", "/void"): void_invoice,
    ("POST", "/v1/invoices/", "/mark_uncollectible"): mark_uncollectible,
}
