"""The customer's balance: a negative one is a credit, taken off the next invoice."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, TwoIdsHandler
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

NOUN = "customer_balance_transaction"


def create_transaction(state: State, call: Call, customer_id: str) -> Reply:
    customer = live_customer(state, customer_id)
    amount, currency = integer(call, "amount"), required(call, "currency").lower()
    check_currency(customer, currency)
    about = {"description": call.params.get("description"), "metadata": mapping(call, "metadata")}
    return ok(move(state, call, customer_id, amount, currency, "adjustment", **about))


def list_transactions(state: State, call: Call, customer_id: str) -> Reply:
    live_customer(state, customer_id)
    found = [one for one in state.objects(NOUN).values() if one["customer"] == customer_id]
    return page(call, listed(call, found, equal=("invoice",)))


def get_transaction(state: State, call: Call, customer_id: str, transaction_id: str) -> Reply:
    found = state.objects(NOUN).get(transaction_id)
    if found is None or found["customer"] != customer_id:
        raise missing("customer balance transaction", transaction_id, "transaction")
    return ok(found)


def move(
    state: State, call: Call, customer_id: str, amount: int, currency: str, kind: str, **more: Any
) -> dict[str, Any]:
    """Add `amount` minor units to the balance; returns the transaction. `more` fills its other fields."""
    customer = live_customer(state, customer_id)
    customer = {**customer, "balance": customer["balance"] + amount, "currency": customer["currency"] or currency}
    transaction = {
        "id": f"cbtxn_{secrets.token_hex(8)}",
        "object": NOUN,
        "amount": amount,
        "checkout_session": None,
        "created": int(call.now_s),
        "credit_note": None,
        "currency": currency,
        "customer": customer_id,
        "description": None,
        "ending_balance": customer["balance"],
        "invoice": None,
        "livemode": call.livemode,
        "metadata": {},
        "type": kind,
        **more,
    }
    state.put(NOUN, transaction, call.now_s)
    state.commit({"op": "customer", "object": customer, "at": call.now_s})
    return transaction


def live_customer(state: State, customer_id: str, param: str = "id") -> dict[str, Any]:
    """Raises Refusal: 404 where the address names the customer, 400 where a parameter does."""
    customer = state.contents.customers.get(customer_id)
    if customer is None or customer.get("deleted"):
        raise missing("customer", customer_id, param, 404 if param == "id" else 400)
    return customer


def check_currency(customer: dict[str, Any], currency: str) -> None:
    if customer["currency"] not in (None, currency):
        raise Refusal(
            400,
            f"You cannot combine currencies on a single customer. This customer's currency is {customer['currency']}.",
            param="currency",
        )


WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/customers/", "/balance_transactions"): list_transactions,
    ("POST", "/v1/customers/", "/balance_transactions"): create_transaction,
}
WITH_TWO_IDS: dict[tuple[str, str, str], TwoIdsHandler] = {
    ("GET", "/v1/customers/", "/balance_transactions/"): get_transaction,
}
