"""Webhook endpoints, on this machine only, and what an event tells of its deliveries."""

import secrets
from typing import Any
from urllib.parse import urlsplit

from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import listed
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, mapping, missing, ok, page, required
from billing_cli.sandbox.simulator.state import Delivery, State

NOUN = "webhook_endpoint"
HOSTS = ("127.0.0.1", "localhost")
STATUSES = {"true": "disabled", "false": "enabled"}


def create_endpoint(state: State, call: Call) -> Reply:
    endpoint = {
        "id": f"we_{secrets.token_hex(12)}",
        "object": NOUN,
        "api_version": call.params.get("api_version"),
        "application": None,
        "created": int(call.now_s),
        "description": call.params.get("description"),
        "enabled_events": _kinds(call),
        "livemode": call.livemode,
        "metadata": mapping(call, "metadata"),
        "secret": f"whsec_{secrets.token_hex(16)}",
        "status": "enabled",
        "url": _url(call),
    }
    state.put(NOUN, endpoint, call.now_s)
    return ok(endpoint)


def list_endpoints(state: State, call: Call) -> Reply:
    return page(call, [_shown(endpoint) for endpoint in listed(call, state.objects(NOUN).values())])


def get_endpoint(state: State, call: Call, endpoint_id: str) -> Reply:
    return ok(_shown(_find(state, endpoint_id)))


def update_endpoint(state: State, call: Call, endpoint_id: str) -> Reply:
    endpoint = dict(_find(state, endpoint_id))
    if "url" in call.params:
        endpoint["url"] = _url(call)
    if mapping(call, "enabled_events"):
        endpoint["enabled_events"] = _kinds(call)
    if "disabled" in call.params:
        endpoint["status"] = _status(call)
    state.put(NOUN, endpoint, call.now_s)
    return ok(_shown(endpoint))


def delete_endpoint(state: State, call: Call, endpoint_id: str) -> Reply:
    _find(state, endpoint_id)
    gone = {"id": endpoint_id, "object": NOUN, "deleted": True}
    state.put(NOUN, gone, call.now_s)
    return ok(gone)


def retry_event(state: State, call: Call, event_id: str) -> Reply:
    """Deliver at once, also what was delivered before or happened before the endpoint was there."""
    event = state.contents.events_by_id.get(event_id)
    if event is None:
        raise missing("event", event_id)
    endpoint_id = required(call, NOUN)
    endpoint = _find(state, endpoint_id, NOUN, 400)
    if endpoint["status"] != "enabled":
        raise Refusal(400, f"The webhook endpoint {endpoint_id} is disabled.", param=NOUN)
    known = state.contents.deliveries.get((event_id, endpoint_id))
    delivery = known or Delivery(event_id, endpoint_id, queued_at=call.now_s, next_at=call.now_s)
    state.put_delivery(delivery._replace(state="pending", next_at=call.now_s))
    return ok(shown_event(state, event))


def shown_event(state: State, event: dict[str, Any]) -> dict[str, Any]:
    """With the number of endpoints it has yet to reach; a thin event tells no such thing, nor its data."""
    if event["object"] != "event":
        return {name: value for name, value in event.items() if name != "data"}
    undelivered = state.contents.undelivered
    pending = sum((event["id"], endpoint_id) in undelivered for endpoint_id in state.objects(NOUN))
    return {**event, "pending_webhooks": pending}


def _find(state: State, endpoint_id: str, param: str = "id", status: int = 404) -> dict[str, Any]:
    endpoint = state.objects(NOUN).get(endpoint_id)
    if endpoint is None or endpoint.get("deleted"):
        raise missing("webhook endpoint", endpoint_id, param, status)
    return endpoint


def _shown(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in endpoint.items() if name != "secret"}


def _kinds(call: Call) -> list[str]:
    kinds = list(mapping(call, "enabled_events").values())
    return kinds or [required(call, "enabled_events")]


def _status(call: Call) -> str:
    wish = call.params["disabled"]
    if wish not in STATUSES:
        raise Refusal(400, f"Invalid boolean: {wish}", param="disabled")
    return STATUSES[wish]


def _url(call: Call) -> str:
    """Never anything but this machine: a sandbox must not call strangers."""
    url = required(call, "url")
    try:
        parts = urlsplit(url)
        loopback = parts.scheme == "http" and parts.hostname in HOSTS and parts.port != 0
    except ValueError:
        loopback = False
    if not loopback:
        message = "Invalid URL: the sandbox delivers to http://127.0.0.1 and http://localhost only."
        raise Refusal(400, message, code="url_invalid", param="url")
    return url


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/webhook_endpoints"): list_endpoints,
    ("POST", "/v1/webhook_endpoints"): create_endpoint,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/webhook_endpoints/", ""): get_endpoint,
    ("POST", "/v1/webhook_endpoints/", ""): update_endpoint,
    ("DELETE", "/v1/webhook_endpoints/", ""): delete_endpoint,
    ("POST", "/v1/events/", "/retry"): retry_event,
}
