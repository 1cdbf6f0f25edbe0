"""The account itself and what happened on it."""

from typing import Any

from billing_cli.sandbox.simulator.balance_transactions import balances
from billing_cli.sandbox.simulator.listing import listed, page_of
from billing_cli.sandbox.simulator.replies import Call, Reply, missing, ok
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.usage import HOUR_S
from billing_cli.sandbox.simulator.webhooks import shown_event

ACCOUNT_ID = "acct_sandbox0000001"
EVENTS_KEPT_S = 30 * 24 * HOUR_S


def get_account(state: State, call: Call) -> Reply:
    return ok(
        {
            "id": ACCOUNT_ID,
            "object": "account",
            "charges_enabled": True,
            "country": "US",
            "default_currency": "usd",
            "details_submitted": True,
            "email": "sandbox@example.com",
            "payouts_enabled": True,
            "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"}},
            "type": "standard",
        }
    )


def get_balance(state: State, call: Call) -> Reply:
    found = {
        name: [{"amount": amount, "currency": code, "source_types": {"card": amount}} for code, amount in sums.items()]
        for name, sums in balances(state, call.now_s).items()
    }
    return ok({"object": "balance", "livemode": call.livemode, **found})


def list_events(state: State, call: Call) -> Reply:
    kinds = {value for name, value in call.params.items() if name == "type" or name.startswith("types[")}
    found = [
        event
        for event in _delivered_as_asked(state, call)
        if (not kinds or event["type"] in kinds) and event["created"] >= call.now_s - EVENTS_KEPT_S
    ]
    return page_of(call, listed(call, found), lambda event: shown_event(state, event))


def _delivered_as_asked(state: State, call: Call) -> list[dict[str, Any]]:
    events, wish = state.contents.events, call.params.get("delivery_success")
    if wish is None:
        return events
    failing = {event_id for event_id, _ in state.contents.undelivered}
    return [event for event in events if (event["id"] in failing) == (wish == "false")]


def get_event(state: State, call: Call, event_id: str) -> Reply:
    for event in state.contents.events:
        if event["id"] == event_id:
            return ok(shown_event(state, event))
    raise missing("event", event_id)
