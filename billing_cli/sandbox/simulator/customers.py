"""Customers of the simulated account."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.replies import Call, Reply, mapping, missing, ok, page
from billing_cli.sandbox.simulator.state import State

TEXT_FIELDS = ("name", "email", "description")


def list_customers(state: State, call: Call) -> Reply:
    email = call.params.get("email")
    found = [
        customer
        for customer in reversed(state.contents.customers.values())
        if not customer.get("deleted") and (email is None or customer["email"] == email)
    ]
    return page(call, found)


def create_customer(state: State, call: Call) -> Reply:
    customer = new_customer(f"cus_{secrets.token_hex(7)}", call.now_s, call.livemode)
    return _save(state, call, _changed(customer, call))


def get_customer(state: State, call: Call, customer_id: str) -> Reply:
    return ok(_find(state, customer_id))


def update_customer(state: State, call: Call, customer_id: str) -> Reply:
    customer = _find(state, customer_id)
    if customer.get("deleted"):
        raise missing("customer", customer_id)
    return _save(state, call, _changed(customer, call))


def delete_customer(state: State, call: Call, customer_id: str) -> Reply:
    if _find(state, customer_id).get("deleted"):
        raise missing("customer", customer_id)
    return _save(state, call, {"id": customer_id, "object": "customer", "deleted": True})


def new_customer(customer_id: str, now_s: float, livemode: bool) -> dict[str, Any]:
    return {
        "id": customer_id,
        "object": "customer",
        "balance": 0,
        "created": int(now_s),
        "currency": None,
        "description": None,
        "email": None,
        "livemode": livemode,
        "metadata": {},
        "name": None,
    }


def _find(state: State, customer_id: str) -> dict[str, Any]:
    customer = state.contents.customers.get(customer_id)
    if customer is None:
        raise missing("customer", customer_id)
    return customer


def _changed(customer: dict[str, Any], call: Call) -> dict[str, Any]:
    changes: dict[str, Any] = {name: call.params[name] for name in TEXT_FIELDS if name in call.params}
    metadata = {**customer["metadata"], **mapping(call, "metadata")}
    # An empty value removes a metadata key, as in Stripe.
    changes["metadata"] = {key: value for key, value in metadata.items() if value}
    return {**customer, **changes}


def _save(state: State, call: Call, customer: dict[str, Any]) -> Reply:
    state.commit({"op": "customer", "object": customer, "at": call.now_s})
    return ok(customer)
