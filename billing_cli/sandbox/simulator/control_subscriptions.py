"""The operator's side of subscriptions: make them, move them on, finalize, and what was billed."""

from typing import Any

from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.invoice_states import finalize_invoice
from billing_cli.sandbox.simulator.replies import Call
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.subscription_cycles import BILLED, advance
from billing_cli.sandbox.simulator.subscription_documents import new_subscription, put_subscription


def put_subscriptions(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """With `keep`, those that are there already stay as they are."""
    known = state.objects("subscription") if wish.get("keep") else {}
    for row in wish["subscriptions"]:
        if row["id"] not in known:
            put_subscription(state, new_subscription(row, state.now_s()), state.now_s())
    return {"subscriptions": len(wish["subscriptions"])}


def advance_subscription(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    period_end = wish.get("period_end")
    return advance(state, wish["subscription"], None if period_end is None else int(period_end), state.now_s())


def finalize(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """The same as Stripe's own call, without a key and without its limits."""
    finalize_invoice(state, Call("POST", "", {}, False, state.now_s()), wish["invoice"])
    return state.objects("invoice")[wish["invoice"]]


def list_billed(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Exact quantities as text, one for each final invoice and subscription item."""
    return {"billed": list(state.objects(BILLED).values())}


def list_records(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {
        "usage_records": [
            {"subscription_item": item_id, "timestamp": timestamp, "quantity": quantity}
            for item_id, records in state.contents.usage_records.items()
            for timestamp, quantity in sorted(records.items())
        ]
    }


ACTIONS = {
    ("POST", "/_sandbox/subscriptions"): put_subscriptions,
    ("POST", "/_sandbox/subscriptions/advance"): advance_subscription,
    ("POST", "/_sandbox/invoices/finalize"): finalize,
    ("GET", "/_sandbox/billed"): list_billed,
    ("GET", "/_sandbox/usage_records"): list_records,
}
