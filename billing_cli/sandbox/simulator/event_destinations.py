"""Event destinations: how Stripe lists who is told of thin events. Here they are the webhook endpoints."""

from typing import Any

from billing_cli.sandbox.simulator.handlers import PlainHandler
from billing_cli.sandbox.simulator.replies import Call, Reply, ok
from billing_cli.sandbox.simulator.state import State
from billing_cli.sandbox.simulator.webhooks import NOUN

# Beginnings of the types of thin events.
_THIN = ("v1.", "v2.")


def list_destinations(state: State, call: Call) -> Reply:
    """Every endpoint that is told of thin events, with those it is told of."""
    endpoints = [endpoint for endpoint in state.objects(NOUN).values() if not endpoint.get("deleted")]
    shown = [_destination(endpoint, kinds) for endpoint in endpoints if (kinds := _thin(endpoint))]
    return ok({"data": shown[::-1], "next_page_url": None, "previous_page_url": None})


def _thin(endpoint: dict[str, Any]) -> list[str]:
    return [kind for kind in endpoint["enabled_events"] if kind == "*" or kind.startswith(_THIN)]


def _destination(endpoint: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    return {
        "id": f"ed_{endpoint['id'].removeprefix('we_')}",
        "object": "v2.core.event_destination",
        "enabled_events": kinds,
        "event_payload": "thin",
        "livemode": endpoint["livemode"],
        "name": endpoint["description"] or endpoint["id"],
        "snapshot_api_version": None,
        "status": endpoint["status"],
        "type": "webhook_endpoint",
        "webhook_endpoint": {"signing_secret": None, "url": endpoint["url"]},
    }


PLAIN: dict[tuple[str, str], PlainHandler] = {("GET", "/v2/core/event_destinations"): list_destinations}
