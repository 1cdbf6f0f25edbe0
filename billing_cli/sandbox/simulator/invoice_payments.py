"""Which payment paid which invoice: the only place where Stripe says so."""

from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, missing, ok, page
from billing_cli.sandbox.simulator.state import State

NOUN = "invoice_payment"


def list_invoice_payments(state: State, call: Call) -> Reply:
    payment_intent = call.params.get("payment[payment_intent]")
    if payment_intent and call.params.get("payment[type]") != "payment_intent":
        raise Refusal(400, "Missing required param: payment[type].", code="parameter_missing", param="payment[type]")
    found = [
        one
        for one in state.objects(NOUN).values()
        if payment_intent in (None, one["payment"]["payment_intent"])
    ]  # fmt: skip
    return page(call, listed(call, found, equal=("invoice", "status")))


def get_invoice_payment(state: State, call: Call, payment_id: str) -> Reply:
    if (found := state.objects(NOUN).get(payment_id)) is None:
        raise missing("invoice_payment", payment_id, "invoice_payment")
    return ok(found)


def link_payment(
    state: State,
    invoice: dict[str, Any],
    payment_intent: str,
    amount: int,
    now_s: float,
    number: int = 1,
    is_open: bool = False,
) -> None:
    """The id follows from the invoice's, and of further payments from their number. An open one has paid nothing."""
    document = {
        "id": _id_for(invoice["id"]) + (f"_{number}" if number > 1 else ""),
        "object": NOUN,
        "amount_paid": None if is_open else amount,
        "amount_requested": invoice["amount_remaining"] if is_open else amount,
        "created": int(now_s),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": invoice["livemode"],
        "payment": {"payment_intent": payment_intent, "type": "payment_intent"},
        "status": "open" if is_open else "paid",
        "status_transitions": {"canceled_at": None, "paid_at": None if is_open else int(now_s)},
    }
    state.put(NOUN, document, now_s)


def payment_intent_of(state: State, invoice_id: str) -> str | None:
    """The first payment that paid the invoice; None where it was paid outside or not at all."""
    found = state.objects(NOUN).get(_id_for(invoice_id))
    return found["payment"]["payment_intent"] if found else None


def _id_for(invoice_id: str) -> str:
    return f"inpay_{invoice_id.removeprefix('in_')}"


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v1/invoice_payments"): list_invoice_payments}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/invoice_payments/", ""): get_invoice_payment}
