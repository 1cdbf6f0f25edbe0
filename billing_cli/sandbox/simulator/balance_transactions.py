"""What moved the account's balance: charges with their fees, refunds, disputes, payouts."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import listed, page_of
from billing_cli.sandbox.simulator.replies import Call, Reply, mapping, missing, ok
from billing_cli.sandbox.simulator.state import State

NOUN = "balance_transaction"
FEE_PER_MILLE, FEE_FIXED = 29, 30
TYPES = {
    "charge": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "dispute": "adjustment",
    "dispute_reversal": "adjustment",
    "payout": "payout",
    "payout_reversal": "payout_failure",
}
# What a transaction has beside its amount; `payout` is the simulator's own note, never shown.
EMPTY: dict[str, Any] = {
    "object": NOUN,
    "description": None,
    "exchange_rate": None,
    "fee": 0,
    "fee_details": [],
    "payout": None,
    "status": "available",
}
AVAILABLE_AFTER_S = 2 * 24 * 3600


def add_transaction(state: State, category: str, amount: int, source: dict[str, Any], now_s: float) -> str:
    """Adds `amount` minor units (negative: taken off) for a charge, refund or dispute; returns the id.

    Only charges cost a fee, which Stripe keeps when they are refunded.
    """
    fee = (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED if category == "charge" else 0
    document = EMPTY | {
        "id": f"txn_{secrets.token_hex(12)}",
        "amount": amount,
        "available_on": int(now_s) + (0 if category == "payout" else AVAILABLE_AFTER_S),
        "created": int(now_s),
        "currency": source["currency"],
        "fee": fee,
        "fee_details": [{"amount": fee, "currency": source["currency"], "type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source["id"],
        "status": "pending",
        "type": TYPES[category],
    }
    state.put(NOUN, document, now_s)
    return str(document["id"])


def list_transactions(state: State, call: Call) -> Reply:
    found = listed(call, state.objects(NOUN).values(), equal=("type", "source", "currency", "payout"))
    expanded = "data.source" in mapping(call, "expand").values()
    return page_of(call, found, lambda one: _shown(state, one, expanded))


def _shown(state: State, transaction: dict[str, Any], expanded: bool) -> dict[str, Any]:
    source = _source(state, transaction) if expanded else transaction["source"]
    return {**{name: value for name, value in transaction.items() if name != "payout"}, "source": source}


def _source(state: State, transaction: dict[str, Any]) -> Any:
    """What it is about, in place of the id."""
    noun = "charge" if transaction["type"] == "charge" else transaction["reporting_category"].split("_")[0]
    return state.objects(noun).get(transaction["source"], transaction["source"])


def get_transaction(state: State, call: Call, transaction_id: str) -> Reply:
    found = state.objects(NOUN).get(transaction_id)
    if found is None:
        raise missing("balance_transaction", transaction_id)
    return ok(_shown(state, found, False))


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v1/balance_transactions"): list_transactions}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/balance_transactions/", ""): get_transaction}
