"""The simulator delivers events as Stripe does: signed, until they arrive or three days have passed."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe
import stripe as sdk
from support.environment import KEY
from support.stripe_control import StripeDouble

from billing_cli.sandbox.stripe_control import ask

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Receiver:
    """An endpoint that answers `status` and keeps what it gets."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.got.append((dict(self.headers), body))
                self.send_response(owner.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def client(stripe: StripeDouble) -> stripe.StripeClient:
    return sdk.StripeClient(KEY, base_addresses={"api": stripe.url})


def _endpoint(client: stripe.StripeClient, receiver: Receiver, kind: Any = "*") -> stripe.WebhookEndpoint:
    return client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": [kind]})


def _until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "It never happened."
        time.sleep(0.01)


def _deliveries(double: StripeDouble) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(double.url, "GET", "deliveries")["deliveries"]
    return rows


def _attempts(double: StripeDouble, count: int, status: int = 500) -> None:
    _until(lambda: [(row["attempts"], row["last_status"]) for row in _deliveries(double)] == [(count, status)])


def _retry(client: stripe.StripeClient, event_id: str, **params: str) -> Any:
    return client.raw_request("post", f"/v1/events/{event_id}/retry", **params)


def test_a_new_event_arrives_signed(client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver) -> None:
    client.v1.customers.create({"name": "before the endpoint"})
    endpoint = _endpoint(client, receiver, "customer.created")
    client.v1.customers.update(client.v1.customers.create({"name": "Zoë"}).id, {"name": "not asked for"})
    _until(lambda: [row["state"] for row in _deliveries(stripe)] == ["succeeded"])
    [(headers, body)] = receiver.got
    assert _verified(body, headers["Stripe-Signature"], endpoint.secret)
    assert not _verified(body.replace(b"Zo", b"Jo"), headers["Stripe-Signature"], endpoint.secret)
    assert (headers["Content-Type"], headers["User-Agent"]) == ("application/json; charset=utf-8", "Stripe/1.0")
    event = json.loads(body)
    assert (event["data"]["object"]["name"], event["pending_webhooks"]) == ("Zoë", 1)
    assert client.v1.events.retrieve(event["id"]).pending_webhooks == 0


def _verified(body: bytes, header: str, secret: str | None) -> bool:
    assert secret is not None
    try:
        return stripe.WebhookSignature.verify_header(body.decode(), header, secret, 300) is True
    except stripe.SignatureVerificationError:
        return False


def test_a_failing_endpoint_is_tried_again_later(
    client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver
) -> None:
    _endpoint(client, receiver)
    receiver.status = 307
    client.v1.customers.create()
    _attempts(stripe, 1, 307)
    receiver.status = 500
    stripe.clock(301)
    _attempts(stripe, 2)
    receiver.status = 204
    stripe.clock(301 + HOUR_S)
    _until(lambda: [row["state"] for row in _deliveries(stripe)] == ["succeeded"])
    assert len(receiver.got) == 3


def test_after_three_days_it_is_given_up_until_asked_again(
    client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver
) -> None:
    endpoint = _endpoint(client, receiver)
    receiver.status = 500
    client.v1.customers.create()
    _attempts(stripe, 1)
    stripe.clock(3 * DAY_S)
    _until(lambda: [(row["state"], row["next_at"]) for row in _deliveries(stripe)] == [("given_up", None)])
    receiver.status = 200
    [event] = client.v1.events.list({"delivery_success": False}).data
    _retry(client, event.id, webhook_endpoint=endpoint.id)
    _until(lambda: [row["state"] for row in _deliveries(stripe)] == ["succeeded"])


def test_a_retry_redelivers_and_refuses_what_is_unknown(
    client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver
) -> None:
    client.v1.customers.create()
    [event] = client.v1.events.list().data
    endpoint = _endpoint(client, receiver)
    for count in (1, 2):
        _retry(client, event.id, webhook_endpoint=endpoint.id)
        _attempts(stripe, count, 200)
    assert [json.loads(body)["id"] for _, body in receiver.got] == [event.id] * 2
    assert _refusal(client, "evt_none", webhook_endpoint=endpoint.id) == (404, "No such event: 'evt_none'")
    assert _refusal(client, event.id, webhook_endpoint="we_no") == (400, "No such webhook endpoint: 'we_no'")
    assert _refusal(client, event.id) == (400, "Missing required param: webhook_endpoint.")


def _refusal(client: stripe.StripeClient, event_id: str, **params: str) -> tuple[int | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        _retry(client, event_id, **params)
    return caught.value.http_status, caught.value.user_message


def test_events_by_delivery_and_by_time(client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver) -> None:
    now_s = int(time.time())
    past = [{"type": "charge.refunded", "created": now_s - days * DAY_S, "object": {}} for days in (31, 20, 10)]
    ask(stripe.url, "POST", "stripe_events", {"events": past})
    _endpoint(client, receiver, "customer.created")
    receiver.status = 500
    customer = client.v1.customers.create()
    client.v1.customers.update(customer.id, {"name": "x"})
    _attempts(stripe, 1)
    [failing] = client.v1.events.list({"delivery_success": False}).data
    assert (failing.type, failing.pending_webhooks) == ("customer.created", 1)
    arrived = client.v1.events.list({"delivery_success": True}).data
    assert [event.type for event in arrived] == ["customer.updated", "charge.refunded", "charge.refunded"]
    old, new = now_s - 20 * DAY_S, now_s - 10 * DAY_S
    assert [event.created for event in client.v1.events.list({"created": {"gt": old, "lte": new}}).data] == [new]


def test_a_disabled_or_deleted_endpoint_gets_nothing(
    client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver
) -> None:
    disabled, deleted = _endpoint(client, receiver), _endpoint(client, receiver)
    assert client.v1.webhook_endpoints.update(disabled.id, {"disabled": True}).status == "disabled"
    client.v1.webhook_endpoints.delete(deleted.id)
    enabled = _endpoint(client, receiver)
    client.v1.customers.create()
    _until(lambda: [(row["endpoint"], row["state"]) for row in _deliveries(stripe)] == [(enabled.id, "succeeded")])
    assert len(receiver.got) == 1
    assert [one.id for one in client.v1.webhook_endpoints.list().data] == [enabled.id, disabled.id]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "http://example.com/", "http://localhost@example.com/", "http://[x"]
)
def test_only_this_machine_is_delivered_to(url: str, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, "url_invalid", "url")


def test_a_thin_event_arrives_without_its_data(
    client: stripe.StripeClient, stripe: StripeDouble, receiver: Receiver
) -> None:
    kind = "v1.billing.meter.no_meter_found"
    _endpoint(client, receiver, kind)
    client.v1.billing.meter_events.create({"event_name": "none", "payload": {"stripe_customer_id": "c", "value": "1"}})
    _until(lambda: receiver.types() == [kind])
    event = json.loads(receiver.got[0][1])
    assert (event["object"], "data" in event) == ("v2.core.event", False)
