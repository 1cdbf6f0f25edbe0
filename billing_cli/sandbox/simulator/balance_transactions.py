"""What moved the account's balance: charges with their fees, refunds, disputes, payouts."""

import secrets
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import page_of, recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, mapping, missing, ok
from billing_cli.sandbox.simulator.state import State

NOUN = "balance_transaction"
FEE_PER_MILLE, FEE_FIXED = 29, 30
DISPUTE_FEE = 1500
TYPES = {
    "charge": "charge",
    "partial_capture_reversal": "partial_capture_reversal",
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
    "balance_type": "payments",
    "description": None,
    "exchange_rate": None,
    "fee": 0,
    "fee_details": [],
    "payout": None,
    "status": "available",
}
AVAILABLE_AFTER_S = 2 * 24 * 3600


def add_transaction(state: State, category: str, amount: int, source: dict[str, Any], now_s: float) -> str:
    """Adds `amount` minor units (negative: taken off) for a charge, refund, dispute or payout; returns the id.

    Charges and disputes cost a fee, which Stripe keeps when they are refunded or won. The charge's metadata
    `sandbox_settles_in` and `sandbox_exchange_rate` have it settle in another currency, with all that follows from it.
    """
    currency, rate = _settlement(state, source)
    if rate is not None:
        amount = int((amount * Decimal(rate)).quantize(Decimal(1), ROUND_HALF_UP))
    fee = _fee(category, amount)
    document = EMPTY | {
        "id": f"txn_{secrets.token_hex(12)}",
        "amount": amount,
        "available_on": int(now_s) + (0 if category == "payout" else AVAILABLE_AFTER_S),
        "created": int(now_s),
        "currency": currency,
        "exchange_rate": None if rate is None else float(rate),
        "fee": fee,
        "fee_details": [{"amount": fee, "currency": currency, "type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source["id"],
        "status": "pending",
        "type": TYPES[category],
    }
    state.put(NOUN, document, now_s)
    return str(document["id"])


def _settlement(state: State, source: dict[str, Any]) -> tuple[str, str | None]:
    """The currency that a charge settles in, and the rate where it is converted."""
    charge = state.objects("charge").get(source.get("charge", ""), source)
    metadata = charge.get("metadata", {})
    return metadata.get("sandbox_settles_in", source["currency"]), metadata.get("sandbox_exchange_rate")


def _fee(category: str, amount: int) -> int:
    if category == "charge":
        return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED
    return DISPUTE_FEE if category == "dispute" else 0


def balances(state: State, now_s: float) -> dict[str, dict[str, int]]:
    """What is available and what is pending, by currency, in minor units."""
    found: dict[str, dict[str, int]] = {"available": {"usd": 0}, "pending": {"usd": 0}}
    for one in state.objects(NOUN).values():
        sums = found["available" if one["available_on"] <= now_s else "pending"]
        sums[one["currency"]] = sums.get(one["currency"], 0) + one["net"]
    return found


def list_transactions(state: State, call: Call) -> Reply:
    payout = state.objects("payout").get(call.params.get("payout", ""))
    if payout is not None and not payout["automatic"]:
        raise Refusal(400, "Balance transaction history can only be filtered on automatic payouts.", param="payout")
    found = recent(state, call, NOUN, equal=("type", "source", "currency", "payout"))
    expanded = "data.source" in mapping(call, "expand").values()
    return page_of(call, found, lambda one: _shown(state, one, expanded))


def _shown(state: State, transaction: dict[str, Any], expanded: bool) -> dict[str, Any]:
    source = source_of(state, transaction) if expanded else transaction["source"]
    return {**{name: value for name, value in transaction.items() if name != "payout"}, "source": source}


def source_of(state: State, transaction: dict[str, Any]) -> Any:
    """What it is about, in place of the id."""
    of_charge = transaction["type"] in ("charge", "partial_capture_reversal")
    noun = "charge" if of_charge else transaction["reporting_category"].split("_")[0]
    return state.objects(noun).get(transaction["source"], transaction["source"])


def get_transaction(state: State, call: Call, transaction_id: str) -> Reply:
    found = state.objects(NOUN).get(transaction_id)
    if found is None:
        raise missing("balance_transaction", transaction_id)
    return ok(_shown(state, found, False))


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v1/balance_transactions"): list_transactions}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/balance_transactions/", ""): get_transaction}
