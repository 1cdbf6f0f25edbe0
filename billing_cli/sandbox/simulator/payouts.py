"""Payouts: what leaves the balance for the bank, with the transactions that each automatic one is made of."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator import balance_transactions
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

NOUN = "payout"
ARRIVES_AFTER_S = 24 * 3600


def pay_out(state: State, created_s: float, status: str = "paid") -> list[dict[str, Any]]:
    """An automatic payout a currency of all that is available at `created_s` and was not paid out yet."""
    found: dict[str, list[dict[str, Any]]] = {}
    for transaction in state.objects(balance_transactions.NOUN).values():
        if transaction["available_on"] <= created_s and transaction.get("payout") is None:
            found.setdefault(transaction["currency"], []).append(transaction)
    sums = {currency: sum(one["net"] for one in ones) for currency, ones in found.items()}
    return [
        _pay_out(state, ones, sums[currency], created_s, status)
        for currency, ones in found.items()
        if sums[currency] > 0
    ]


def _pay_out(state: State, ones: list[dict[str, Any]], amount: int, created_s: float, status: str) -> dict[str, Any]:
    payout = _new_payout(amount, ones[0]["currency"], created_s) | {
        "reconciliation_status": "in_progress" if status == "pending" else "completed",
        "status": status,
    }
    own = balance_transactions.add_transaction(state, "payout", -amount, payout, created_s)
    for transaction in [*ones, state.objects(balance_transactions.NOUN)[own]]:
        state.put(balance_transactions.NOUN, {**transaction, "payout": payout["id"]}, created_s)
    payout["balance_transaction"] = own
    state.put(NOUN, payout, created_s, "payout.created")
    return payout


def _new_payout(amount: int, currency: str, created_s: float) -> dict[str, Any]:
    return {
        "id": f"po_{secrets.token_hex(12)}",
        "object": NOUN,
        "amount": amount,
        "arrival_date": int(created_s) + ARRIVES_AFTER_S,
        "automatic": True,
        "balance_transaction": None,
        "created": int(created_s),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "failure_balance_transaction": None,
        "failure_code": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "type": "bank_account",
    }


def create_payout(state: State, call: Call) -> Reply:
    """A manual payout: any amount that is available. Stripe does not say what is in it."""
    amount, currency = integer(call, "amount"), required(call, "currency").lower()
    if amount > balance_transactions.balances(state, call.now_s)["available"].get(currency, 0):
        raise Refusal(
            400, "You have insufficient funds in your Stripe account for this payout.", code="balance_insufficient"
        )
    payout = _new_payout(amount, currency, call.now_s) | {
        "automatic": False,
        "reconciliation_status": "not_applicable",
        "status": "pending",
    }
    own = balance_transactions.add_transaction(state, "payout", -amount, payout, call.now_s)
    # What it took away is in no automatic payout.
    taken = {**state.objects(balance_transactions.NOUN)[own], "payout": payout["id"]}
    state.put(balance_transactions.NOUN, taken, call.now_s)
    state.put(NOUN, {**payout, "balance_transaction": own}, call.now_s, "payout.created")
    return ok(state.objects(NOUN)[payout["id"]])


def fail(state: State, payout_id: str, now_s: float) -> dict[str, Any]:
    """The bank sends it back: the money is on the balance again, for the next payout."""
    payout = find_payout(state, payout_id)
    back = balance_transactions.add_transaction(state, "payout_reversal", payout["amount"], payout, now_s)
    payout = {**payout, "status": "failed", "failure_code": "account_closed", "failure_balance_transaction": back}
    state.put(NOUN, payout, now_s, "payout.failed")
    return payout


def list_payouts(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, NOUN, equal=("status",)))


def get_payout(state: State, call: Call, payout_id: str) -> Reply:
    return ok(find_payout(state, payout_id))


def find_payout(state: State, payout_id: str) -> dict[str, Any]:
    found = state.objects(NOUN).get(payout_id)
    if found is None:
        raise missing("payout", payout_id)
    return found


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/payouts"): list_payouts,
    ("POST", "/v1/payouts"): create_payout,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/payouts/", ""): get_payout}
