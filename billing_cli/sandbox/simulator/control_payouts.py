"""The operator's side of payouts: pay out, let one fail, put one as it is given, or a wrong transaction into one."""

from typing import Any

from billing_cli.sandbox.simulator import balance_transactions, payouts
from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.state import State


def put_payouts(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Pays out all that is available at `created` (now, if left out)."""
    return {"payouts": payouts.pay_out(state, wish.get("created", state.now_s()), wish.get("status", "paid"))}


def put_payout_failure(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return payouts.fail(state, wish["id"], state.now_s())


def put_payout_documents(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Payouts as they are given; by `id`, new or in place."""
    for document in wish["payouts"]:
        state.put(payouts.NOUN, document, state.now_s())
    return {"payouts": len(wish["payouts"])}


def put_transactions(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    """Balance transactions as they are given, laid over what an ordinary one has; by `id`, new or in place."""
    known = state.objects(balance_transactions.NOUN)
    for row in wish["transactions"]:
        document = {**balance_transactions.EMPTY, **known.get(row["id"], {}), **row}
        document["net"] = row.get("net", document["amount"] - document["fee"])
        state.put(balance_transactions.NOUN, document, state.now_s())
    return {"transactions": len(wish["transactions"])}


ACTIONS = {
    ("POST", "/_sandbox/payouts"): put_payouts,
    ("POST", "/_sandbox/payout_failure"): put_payout_failure,
    ("POST", "/_sandbox/payout_documents"): put_payout_documents,
    ("POST", "/_sandbox/transactions"): put_transactions,
}
