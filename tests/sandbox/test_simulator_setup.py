"""How the simulated account is set up: prices, who is told of thin events, and what its clock says."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import stripe
import stripe as sdk
from support.environment import KEY
from support.stripe_control import StripeDouble

LIVE_KEY = KEY.replace("test", "live")


@pytest.fixture
def client(stripe: StripeDouble) -> stripe.StripeClient:
    return sdk.StripeClient(KEY, base_addresses={"api": stripe.url})


def test_a_price_is_seen_by_a_key_of_its_mode_only(stripe: StripeDouble, client: stripe.StripeClient) -> None:
    stripe.prices([{"id": "price_test", "meter": "mtr_1"}, {"id": "price_live", "livemode": True}])
    price = client.v1.prices.retrieve("price_test")
    assert price.recurring is not None
    assert (price.unit_amount, price.recurring.usage_type, price.recurring.meter) == (1000, "metered", "mtr_1")
    for key, price_id in ((KEY, "price_live"), (LIVE_KEY, "price_test"), (KEY, "price_none")):
        with pytest.raises(Exception, match="No such price") as caught:
            sdk.StripeClient(key, base_addresses={"api": stripe.url}).v1.prices.retrieve(price_id)
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")  # type: ignore[attr-defined]


def test_only_who_is_told_of_thin_events_is_a_destination(client: stripe.StripeClient) -> None:
    url, thin = "http://127.0.0.1:9/hook", "v1.billing.meter.no_meter_found"
    client.v1.webhook_endpoints.create({"url": f"{url}/1", "enabled_events": ["refund.created"]})
    client.v1.webhook_endpoints.create({"url": f"{url}/2", "enabled_events": ["refund.created", thin]})  # type: ignore[list-item]
    client.v1.webhook_endpoints.create({"url": f"{url}/3", "enabled_events": ["*"]})
    answer = client.raw_request("get", "/v2/core/event_destinations", include=["webhook_endpoint.url"])
    found = json.loads(answer.body)["data"]
    assert [(one["webhook_endpoint"]["url"], one["enabled_events"]) for one in found] == [
        (f"{url}/3", ["*"]),
        (f"{url}/2", [thin]),
    ]
    assert {(one["event_payload"], one["status"]) for one in found} == {("thin", "enabled")}


def test_every_answer_is_dated_by_its_clock(stripe: StripeDouble, client: stripe.StripeClient) -> None:
    stripe.clock(7200)
    dated = parsedate_to_datetime(client.raw_request("get", "/v1/balance").headers["Date"])
    assert timedelta(minutes=115) < dated - datetime.now(UTC) < timedelta(minutes=125)
