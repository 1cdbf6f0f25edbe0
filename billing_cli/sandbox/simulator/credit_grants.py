"""Billing credit grants: made, read, listed, voided and expired. Invoices here do not use them up."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator.customer_balance import live_customer
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State

NOUN = "billing.credit_grant"
CATEGORIES = ("paid", "promotional")
NAME_CHARS = 100
SCOPE = "applicability_config[scope]"


def create_grant(state: State, call: Call) -> Reply:
    customer = live_customer(state, required(call, "customer"), "customer")
    now = int(call.now_s)
    expires_at = integer(call, "expires_at", 0) or None
    if expires_at is not None and expires_at <= now:
        raise Refusal(400, "expires_at must be in the future.", param="expires_at")
    grant = {
        "id": f"credgr_{secrets.token_hex(8)}",
        "object": NOUN,
        "amount": _amount(call),
        "applicability_config": {"scope": _scope(call)},
        "category": _category(call),
        "created": now,
        "customer": customer["id"],
        "customer_account": None,
        "effective_at": integer(call, "effective_at", now),
        "expires_at": expires_at,
        "livemode": call.livemode,
        "metadata": mapping(call, "metadata"),
        "name": _name(call),
        "priority": integer(call, "priority", 50),
        "test_clock": None,
        "updated": now,
        "voided_at": None,
    }
    state.put(NOUN, grant, call.now_s, "billing.credit_grant.created")
    return ok(grant)


def get_grant(state: State, call: Call, grant_id: str) -> Reply:
    return ok(_found(state, grant_id))


def list_grants(state: State, call: Call) -> Reply:
    return page(call, listed(call, state.objects(NOUN).values(), equal=("customer",)))


def void_grant(state: State, call: Call, grant_id: str) -> Reply:
    return _changed(state, call, grant_id, "voided_at")


def expire_grant(state: State, call: Call, grant_id: str) -> Reply:
    return _changed(state, call, grant_id, "expires_at")


def _changed(state: State, call: Call, grant_id: str, moment: str) -> Reply:
    grant, now = _found(state, grant_id), int(call.now_s)
    if grant["voided_at"] or (grant["expires_at"] or now + 1) <= now:
        raise Refusal(400, "This credit grant is voided or expired already.")
    grant = {**grant, moment: now, "updated": now}
    state.put(NOUN, grant, call.now_s, "billing.credit_grant.updated")
    return ok(grant)


def _found(state: State, grant_id: str) -> dict[str, Any]:
    if (grant := state.objects(NOUN).get(grant_id)) is None:
        raise missing("billing credit grant", grant_id)
    return grant


def _amount(call: Call) -> dict[str, Any]:
    if required(call, "amount[type]") != "monetary":
        raise Refusal(400, "Invalid amount[type]: must be monetary.", param="amount[type]")
    value, currency = integer(call, "amount[monetary][value]"), required(call, "amount[monetary][currency]")
    if value <= 0:
        raise Refusal(400, "Invalid positive integer.", param="amount[monetary][value]")
    return {"type": "monetary", "monetary": {"value": value, "currency": currency.lower()}}


def _scope(call: Call) -> dict[str, Any]:
    """Metered prices all together, or some by name; not both and not neither."""
    prices = [{"id": price} for name, price in call.params.items() if name.startswith(f"{SCOPE}[prices]")]
    price_type = call.params.get(f"{SCOPE}[price_type]")
    if bool(prices) == bool(price_type) or price_type not in (None, "metered"):
        raise Refusal(400, "The scope is price_type=metered, or prices.", param=SCOPE)
    return {"price_type": price_type} if price_type else {"prices": prices}


def _category(call: Call) -> str:
    category = call.params.get("category", "paid")
    if category not in CATEGORIES:
        raise Refusal(400, f"Invalid category: must be one of {' or '.join(CATEGORIES)}.", param="category")
    return category


def _name(call: Call) -> str | None:
    name = call.params.get("name")
    if name and len(name) > NAME_CHARS:
        raise Refusal(400, f"Invalid string: at most {NAME_CHARS} characters.", param="name")
    return name


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/billing/credit_grants"): list_grants,
    ("POST", "/v1/billing/credit_grants"): create_grant,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/billing/credit_grants/", ""): get_grant,
    ("POST", "/v1/billing/credit_grants/", "/void"): void_grant,
    ("POST", "/v1/billing/credit_grants/", "/expire"): expire_grant,
}
