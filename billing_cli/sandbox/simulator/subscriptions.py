"""Reading subscriptions and their items."""

from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import page_of, recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, ok, page, required
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.subscription_documents import find_item, find_subscription

ENDED = ("canceled", "incomplete_expired")
STATUSES = ("active", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid", "canceled")


def list_subscriptions(state: State, call: Call) -> Reply:
    """Without a status, those that have ended are left out, as in Stripe; `all` has them too."""
    status, price = call.params.get("status"), call.params.get("price")
    if status not in (None, "all", "ended", *STATUSES):
        raise Refusal(400, f"Invalid status: must be one of all, ended, {', '.join(STATUSES)}.", param="status")
    found = recent(
        state,
        call,
        "subscription",
        equal=("customer", "collection_method"),
        where=lambda one: _has_status(one["status"], status) and _has_price(one, price),
    )
    return page_of(call, found, lambda one: one)


def get_subscription(state: State, call: Call, subscription_id: str) -> Reply:
    return ok(find_subscription(state, subscription_id))


def list_items(state: State, call: Call) -> Reply:
    return page(call, find_subscription(state, required(call, "subscription"))["items"]["data"])


def get_item(state: State, call: Call, item_id: str) -> Reply:
    return ok(find_item(state, item_id))


def _has_status(status: str, wanted: str | None) -> bool:
    if wanted is None:
        return status not in ENDED
    return wanted in ("all", status) or (wanted == "ended" and status in ENDED)


def _has_price(subscription: dict[str, Any], wanted: str | None) -> bool:
    return wanted is None or any(item["price"]["id"] == wanted for item in subscription["items"]["data"])


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/subscriptions"): list_subscriptions,
    ("GET", "/v1/subscription_items"): list_items,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/subscriptions/", ""): get_subscription,
    ("GET", "/v1/subscription_items/", ""): get_item,
}
