"""Subscriptions and their items as Stripe shows them since 2025-03-31: the period is the item's."""

from typing import Any

from billing_cli.sandbox.simulator.prices import new_price
from billing_cli.sandbox.simulator.replies import Refusal, missing
from billing_cli.sandbox.simulator.state import State

DAY_S = 86400
MONTH_S = 30 * DAY_S
ITEM = "subscription_item"


def new_subscription(row: dict[str, Any], now_s: float) -> dict[str, Any]:
    """Of the operator's row: `items` as a list of theirs, `period_start` and `period_end`, any field of Stripe's.

    Without a period it is the 30 days from now on.
    """
    start = int(row.get("period_start", now_s))
    period = (start, int(row.get("period_end", start + MONTH_S)))
    if period[1] <= period[0]:
        raise Refusal(400, "period_end must be after period_start.")
    fields = {name: value for name, value in row.items() if name not in ("items", "period_start", "period_end")}
    url = f"/v1/subscription_items?subscription={row['id']}"
    items = [_new_item(row, number, item, period) for number, item in enumerate(row.get("items", []), 1)]
    return {
        "object": "subscription",
        "billing_cycle_anchor": period[1],
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": int(now_s),
        "currency": "usd",
        "ended_at": None,
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "start_date": period[0],
        "status": "active",
        "trial_end": None,
        **fields,
        "items": {"object": "list", "data": items, "has_more": False, "total_count": len(items), "url": url},
    }


def find_subscription(state: State, subscription_id: str) -> dict[str, Any]:
    if (found := state.objects("subscription").get(subscription_id)) is None:
        raise missing("subscription", subscription_id)
    return found


def find_item(state: State, item_id: str) -> dict[str, Any]:
    place = state.objects(ITEM).get(item_id)
    if place is None:
        raise missing("subscription_item", item_id)
    items = find_subscription(state, place["subscription"])["items"]["data"]
    return next(item for item in items if item["id"] == item_id)


def put_subscription(state: State, subscription: dict[str, Any], now_s: float, event: str | None = None) -> None:
    state.put("subscription", subscription, now_s, event)
    for item in subscription["items"]["data"]:
        if item["id"] not in state.objects(ITEM):
            state.put(ITEM, {"id": item["id"], "subscription": subscription["id"]}, now_s)


def _new_item(row: dict[str, Any], number: int, item: dict[str, Any], period: tuple[int, int]) -> dict[str, Any]:
    """Of {price, meter or usage_type, interval, unit_amount, id}."""
    return {
        "id": item.get("id") or f"si_{row['id'].removeprefix('sub_')}_{number}",
        "object": ITEM,
        "created": period[0],
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "price": _new_price(item, row.get("currency", "usd"), period[0]),
        "subscription": row["id"],
        "tax_rates": [],
    } | ({} if _is_metered(item) else {"quantity": 1})


def _new_price(item: dict[str, Any], currency: str, created: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": item["price"],
        "currency": currency,
        "unit_amount": int(item.get("unit_amount", 1)),
        "interval": item.get("interval", "month"),
        "meter": item.get("meter"),
        "usage_type": "metered" if _is_metered(item) else "licensed",
    }
    return new_price(row, created)


def _is_metered(item: dict[str, Any]) -> bool:
    return bool(item.get("meter")) or item.get("usage_type", "metered") == "metered"
