"""The operator's side of payments: put them there, quietly, and let refunds and disputes take their course."""

from typing import Any

from billing_cli.sandbox.simulator.disputes import put_dispute
from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.payments import find_charge, find_payment_intent, new_payment_intent, succeed
from billing_cli.sandbox.simulator.refunds import change_status
from billing_cli.sandbox.simulator.state import State

UNFINISHED = ("requires_payment_method", "requires_action", "processing")


def put_payments(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Create or replace, by id; with `keep` those that are there already stay as they are.

    `captured` is what was taken of the amount, all of it if left out; 0 leaves a payment to be captured. A `status` of
    UNFINISHED leaves it without a charge.
    """
    known = state.objects("payment_intent")
    rows = [row for row in wish["payments"] if not (wish.get("keep") and row["id"] in known)]
    for row in rows:
        created = row.get("created", state.now_s())
        intent = new_payment_intent(
            row["id"], row.get("customer"), int(row["amount"]), row["currency"], created, metadata=row.get("metadata")
        )
        if row.get("status") in UNFINISHED:
            state.put("payment_intent", {**intent, "status": row["status"]}, created)
        else:
            succeed(state, intent, int(row.get("captured", row["amount"])), created, quiet=True)
    return {"payments": len(rows)}


def put_refund_status(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return change_status(state, wish["id"], wish["status"], wish.get("reason"), state.now_s())


def put_disputes(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    intent = find_payment_intent(state, wish["payment_intent"])
    charge = find_charge(state, intent["latest_charge"])
    return put_dispute(state, charge, wish.get("amount"), wish["status"], wish.get("refundable"), state.now_s())


def list_refunds(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {"refunds": list(state.objects("refund").values())}


ACTIONS = {
    ("POST", "/_sandbox/payments"): put_payments,
    ("POST", "/_sandbox/refund_status"): put_refund_status,
    ("POST", "/_sandbox/disputes"): put_disputes,
    ("GET", "/_sandbox/refunds"): list_refunds,
}
