"""The account itself and what happened on it."""

from billing_cli.sandbox.simulator.replies import Call, Reply, missing, ok, page
from billing_cli.sandbox.simulator.state import State

ACCOUNT_ID = "acct_sandbox0000001"


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
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return ok({"object": "balance", "available": nothing, "livemode": call.livemode, "pending": nothing})


def list_events(state: State, call: Call) -> Reply:
    kinds = {value for name, value in call.params.items() if name == "type" or name.startswith("types[")}
    since, until = int(call.params.get("created[gte]", 0)), int(call.params.get("created[lt]", 2**53))
    return page(
        call,
        [
            event
            for event in reversed(state.contents.events)
            if (not kinds or event["type"] in kinds) and since <= event["created"] < until
        ],
    )


def get_event(state: State, call: Call, event_id: str) -> Reply:
    for event in state.contents.events:
        if event["id"] == event_id:
            return ok(event)
    raise missing("event", event_id)


def list_thin_events(state: State, call: Call) -> Reply:
    """Version 2 lists have no cursors here: the simulator never holds many reports."""
    events = list(reversed(state.contents.thin_events))
    return ok({"data": events, "next_page_url": None, "previous_page_url": None})


def get_thin_event(state: State, call: Call, event_id: str) -> Reply:
    for event in state.contents.thin_events:
        if event["id"] == event_id:
            return ok(event)
    raise missing("event", event_id)
