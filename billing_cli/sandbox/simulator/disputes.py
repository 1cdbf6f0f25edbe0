"""Disputes: charges that the customer's bank has questioned or taken back."""

from typing import Any

from billing_cli.sandbox.simulator.balance_transactions import add_transaction
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, missing, ok, page
from billing_cli.sandbox.simulator.state import State

NOUN = "dispute"
HOLDING = ("needs_response", "under_review", "lost", "appeal_needs_response", "appeal_under_review")
STATUSES = (*HOLDING, "won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed")


def put_dispute(
    state: State, charge: dict[str, Any], amount: int | None, status: str, refundable: bool | None, now_s: float
) -> dict[str, Any]:
    """The dispute of a charge, opened or with another status. Money is taken when it opens, and given back when won.

    `refundable`: Stripe takes a refund of the charge; None for what is usual with the status.
    """
    if status not in STATUSES:
        raise Refusal(400, f"Unknown dispute status {status!r}: use one of {', '.join(STATUSES)}.")
    dispute_id = f"dp_{charge['id'].removeprefix('ch_')}"
    former = state.objects(NOUN).get(dispute_id)
    dispute = {
        "id": dispute_id,
        "object": NOUN,
        "amount": amount or charge["amount_captured"],
        "charge": charge["id"],
        "created": former["created"] if former else int(now_s),
        "currency": charge["currency"],
        "is_charge_refundable": status.startswith("warning_") if refundable is None else refundable,
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "general",
        "status": status,
    }
    held_before = former is not None and former["status"] in HOLDING
    if (status in HOLDING) != held_before:
        if status in HOLDING:
            add_transaction(state, "dispute", -dispute["amount"], dispute, now_s)
        else:
            add_transaction(state, "dispute_reversal", dispute["amount"], dispute, now_s)
    closed = status in ("won", "lost", "warning_closed")
    state.put(NOUN, dispute, now_s, f"charge.dispute.{'closed' if closed else 'updated' if former else 'created'}")
    state.put("charge", {**charge, "disputed": True}, now_s)
    return dispute


def forbids_refunds(state: State, charge_id: str) -> bool:
    dispute = state.objects(NOUN).get(f"dp_{charge_id.removeprefix('ch_')}")
    if dispute is None or dispute["status"] in ("won", "warning_closed"):
        return False
    return dispute["status"] in HOLDING or not dispute["is_charge_refundable"]


def list_disputes(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, NOUN, equal=("charge", "payment_intent")))


def get_dispute(state: State, call: Call, dispute_id: str) -> Reply:
    found = state.objects(NOUN).get(dispute_id)
    if found is None:
        raise missing("dispute", dispute_id)
    return ok(found)


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v1/disputes"): list_disputes}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/disputes/", ""): get_dispute}
