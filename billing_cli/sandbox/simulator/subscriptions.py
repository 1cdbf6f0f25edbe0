"""Subscriptions, as far as anybody here asks: which ones a customer has."""

from typing import Any

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Reply, missing, ok, page
from billing_cli.sandbox.simulator.state import State

ENDED = ("canceled", "incomplete_expired")


def list_subscriptions(state: State, call: Call) -> Reply:
    """Without a status, those that have ended are left out, as in Stripe; `all` has them too."""
    status = call.params.get("status")
    found = [one for one in state.objects("subscription").values() if _has_status(one["status"], status)]
    return page(call, listed(call, found, equal=("customer",)))


def _has_status(status: str, wanted: str | None) -> bool:
    if wanted is None:
        return status not in ENDED
    return wanted in ("all", status) or (wanted == "ended" and status in ENDED)


def get_subscription(state: State, call: Call, subscription_id: str) -> Reply:
    if (found := state.objects("subscription").get(subscription_id)) is None:
        raise missing("subscription", subscription_id)
    return ok(found)


def new_subscription(row: dict[str, Any], now_s: float) -> dict[str, Any]:
    items = {"object": "list", "data": [], "has_more": False, "url": f"/v1/subscription_items?subscription={row['id']}"}
    defaults = {"status": "active", "currency": "usd", "created": int(now_s), "livemode": False, "metadata": {}}
    return {"object": "subscription", **defaults, "items": items, **row}


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v1/subscriptions"): list_subscriptions}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {("GET", "/v1/subscriptions/", ""): get_subscription}
