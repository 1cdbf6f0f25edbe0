"""Refunds: what Stripe takes, what it refuses in which words, and what becomes of them later."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.balance_transactions import add_transaction
from billing_cli.sandbox.simulator.disputes import forbids_refunds
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, page
from billing_cli.sandbox.simulator.state import State

NOUN = "refund"
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
TAKEN_BACK = ("failed", "canceled")
THREE_DECIMALS = ("bhd", "jod", "kwd", "omr", "tnd")
WHOLE_IN_HUNDREDTHS = ("isk", "ugx")


def create_refund(state: State, call: Call) -> Reply:
    charge = _charge(state, call)
    reason = call.params.get("reason")
    if reason is not None and reason not in REASONS:
        raise Refusal(400, f"Invalid reason: must be one of {', '.join(REASONS)}", param="reason")
    remaining = charge["amount_captured"] - charge["amount_refunded"]
    amount = integer(call, "amount", remaining)
    refund = make_refund(state, call, charge, amount, reason, mapping(call, "metadata"))
    expanded = {"charge": state.objects("charge")[charge["id"]]} if "charge" in mapping(call, "expand").values() else {}
    return ok(refund | expanded)


def make_refund(
    state: State, call: Call, charge: dict[str, Any], amount_minor: int, reason: str | None, metadata: dict[str, str]
) -> dict[str, Any]:
    """A refund of a charge with all that follows from it. Raises Refusal in Stripe's words.

    The charge's metadata `sandbox_refund` says how it begins: succeeded, pending, requires_action or failed;
    `sandbox_pending_reason` why it is pending.
    """
    check_refund(state, charge, amount_minor)
    status = charge["metadata"].get("sandbox_refund", "succeeded")
    refund = {
        "id": f"re_{secrets.token_hex(12)}",
        "object": NOUN,
        "amount": amount_minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(call.now_s),
        "currency": charge["currency"],
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "failure_balance_transaction": None,
        "failure_reason": None,
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "pending_reason": charge["metadata"].get("sandbox_pending_reason", "processing")
        if status == "pending"
        else None,
        "reason": reason,
        "receipt_number": None,
        "status": "pending" if status == "failed" else status,
    }
    refund["balance_transaction"] = add_transaction(state, "refund", -amount_minor, refund, call.now_s)
    refunded = charge["amount_refunded"] + amount_minor
    charge = {**charge, "amount_refunded": refunded, "refunded": refunded >= charge["amount_captured"]}
    state.put("charge", charge, call.now_s, "charge.refunded")
    state.put(NOUN, refund, call.now_s, "refund.created")
    if status == "failed":
        return change_status(state, refund["id"], "failed", "expired_or_canceled_card", call.now_s)
    return refund


def check_refund(state: State, charge: dict[str, Any], amount: int) -> None:
    """Raises Refusal where Stripe would not give this much back."""
    currency = charge["currency"]
    if forbids_refunds(state, charge["id"]):
        raise Refusal(
            400, f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if charge["refunded"]:
        raise Refusal(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount <= 0:
        raise Refusal(400, "Invalid positive integer", code="parameter_invalid_integer", param="amount")
    step = 10 if currency in THREE_DECIMALS else 100 if currency in WHOLE_IN_HUNDREDTHS else 1
    if amount % step:
        raise Refusal(400, f"Invalid amount for {currency.upper()}: it must be divisible by {step}.", param="amount")
    remaining = charge["amount_captured"] - charge["amount_refunded"]
    if amount > remaining:
        raise Refusal(
            400,
            f"Refund amount ({amount} {currency}) is greater than unrefunded amount on charge ({remaining} {currency})",
            param="amount",
        )


def change_status(state: State, refund_id: str, status: str, why: str | None, now_s: float) -> dict[str, Any]:
    """What becomes of a refund later; a failed or canceled one gives the money back to the account.

    `why` it failed, or is pending.
    """
    refund = find_refund(state, refund_id)
    if status in TAKEN_BACK and refund["status"] not in TAKEN_BACK:
        charge = state.objects("charge")[refund["charge"]]
        charge = {**charge, "amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
        state.put("charge", charge, now_s, "charge.updated")
        transaction = add_transaction(state, "refund_failure", refund["amount"], refund, now_s)
        refund = {**refund, "failure_balance_transaction": transaction, "failure_reason": why or "unknown"}
    refund = {**refund, "status": status, "pending_reason": (why or "processing") if status == "pending" else None}
    state.put(NOUN, refund, now_s, "refund.failed" if status == "failed" else "refund.updated")
    return refund


def get_refund(state: State, call: Call, refund_id: str) -> Reply:
    return ok(find_refund(state, refund_id))


def update_refund(state: State, call: Call, refund_id: str) -> Reply:
    refund = find_refund(state, refund_id)
    refund = {**refund, "metadata": {**refund["metadata"], **mapping(call, "metadata")}}
    state.put(NOUN, refund, call.now_s, "refund.updated")
    return ok(refund)


def cancel_refund(state: State, call: Call, refund_id: str) -> Reply:
    if find_refund(state, refund_id)["status"] != "requires_action":
        raise Refusal(400, "Only refunds with status requires_action can be canceled.")
    return ok(change_status(state, refund_id, "canceled", None, call.now_s))


def list_refunds(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, NOUN, equal=("payment_intent", "charge")))


def find_refund(state: State, refund_id: str) -> dict[str, Any]:
    found = state.objects(NOUN).get(refund_id)
    if found is None:
        raise missing("refund", refund_id)
    return found


def _charge(state: State, call: Call) -> dict[str, Any]:
    if charge_id := call.params.get("charge"):
        charge = state.objects("charge").get(charge_id)
        if charge is None:
            raise missing("charge", charge_id, "charge")
        return charge
    intent_id = call.params.get("payment_intent", "")
    intent = state.objects("payment_intent").get(intent_id)
    if intent is None:
        raise missing("payment_intent", intent_id, "payment_intent")
    charge = state.objects("charge").get(intent["latest_charge"] or "")
    if charge is None or not charge["captured"]:
        raise Refusal(400, f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    return charge


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("POST", "/v1/refunds"): create_refund,
    ("GET", "/v1/refunds"): list_refunds,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/refunds/", ""): get_refund,
    ("POST", "/v1/refunds/", ""): update_refund,
    ("POST", "/v1/refunds/", "/cancel"): cancel_refund,
}
