"""Prices: what a plan costs, as Stripe tells it to a key of the same mode."""

from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler
from billing_cli.sandbox.simulator.replies import Call, Reply, missing, ok
from billing_cli.sandbox.simulator.state import State

NOUN = "price"


def get_price(state: State, call: Call, price_id: str) -> Reply:
    """A price of the other mode is not there."""
    price = state.objects(NOUN).get(price_id)
    if price is None or price["livemode"] != call.livemode:
        raise missing("price", price_id, NOUN)
    return ok(price)


def new_price(row: dict[str, Any], now_s: float) -> dict[str, Any]:
    """Of the operator's row: `id`, and any field of Stripe's. Without more it is 10.00 USD a month."""
    recurring = {
        "interval": row.get("interval", "month"),
        "interval_count": 1,
        "meter": row.get("meter"),
        "trial_period_days": None,
        "usage_type": row.get("usage_type") or ("metered" if row.get("meter") else "licensed"),
    }
    amount = row.get("unit_amount", 1000)
    fields = {name: value for name, value in row.items() if name not in ("interval", "meter", "usage_type")}
    return {
        "object": NOUN,
        "active": True,
        "billing_scheme": "per_unit",
        "created": int(now_s),
        "currency": "usd",
        "livemode": False,
        "metadata": {},
        "product": f"prod_{row['id'].removeprefix('price_')}",
        "recurring": recurring,
        "tiers_mode": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
        **fields,
    }


WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/prices/", ""): get_price}
