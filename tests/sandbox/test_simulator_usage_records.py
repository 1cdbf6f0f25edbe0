"""Legacy usage records: old versions only, whole numbers, and set is idempotent where increment is not."""

import time
from typing import Any

import pytest
import stripe as sdk
from stripe import InvalidRequestError, StripeClient
from support.stripe_control import StripeDouble

from billing_cli.sandbox.stripe_control import ask

OLD = "2025-02-24.acacia"
DAY_S = 86_400
START = int(time.time()) // DAY_S * DAY_S - 10 * DAY_S
END = START + 30 * DAY_S


class Legacy:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client: StripeClient = sdk.StripeClient("sk_test_1", base_addresses={"api": url})

    def record(self, item: str = "si_old", version: str = OLD, **params: Any) -> Any:
        wish = {"quantity": 5, "timestamp": START, "action": "set", **params}
        path = f"/v1/subscription_items/{item}/usage_records"
        answer = self.client.raw_request("post", path, **wish, stripe_version=version)
        return answer.data

    def summaries(self, item: str = "si_old", version: str = OLD) -> Any:
        path = f"/v1/subscription_items/{item}/usage_record_summaries"
        answer = self.client.raw_request("get", path, stripe_version=version)
        assert isinstance(answer.data, dict)
        return [(one["period"]["start"], one["invoice"], one["total_usage"]) for one in answer.data["data"]]

    def records(self) -> Any:
        found = ask(self.url, "GET", "usage_records")["usage_records"]
        return [(one["subscription_item"], one["timestamp"], one["quantity"]) for one in found]


@pytest.fixture
def legacy(stripe: StripeDouble) -> Legacy:
    stripe.bulk([{"id": "cus_1"}], [{"event_name": "api_calls", "id": "mtr_1"}])
    items = [
        {"id": "si_old", "price": "price_1", "unit_amount": 2},
        {"id": "si_new", "price": "price_2", "meter": "mtr_1"},
        {"id": "si_flat", "price": "price_3", "usage_type": "licensed"},
    ]
    row = {"id": "sub_1", "customer": "cus_1", "period_start": START, "period_end": END, "items": items}
    ask(stripe.url, "POST", "subscriptions", {"subscriptions": [row]})
    return Legacy(stripe.url)


def test_set_replaces_at_its_timestamp_and_increment_adds(legacy: Legacy) -> None:
    made = legacy.record(quantity=5)
    assert (made["object"], made["quantity"], made["subscription_item"]) == ("usage_record", 5, "si_old")
    legacy.record(quantity=7)
    legacy.record(quantity=7, timestamp=START + 1)
    assert legacy.records() == [("si_old", START, 7), ("si_old", START + 1, 7)]
    for _ in range(2):
        legacy.record(quantity=1, action="increment")
    assert legacy.records() == [("si_old", START, 9), ("si_old", START + 1, 7)]
    assert legacy.summaries() == [(START, None, 16)]


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2026-10-28.endive"])
def test_newer_versions_do_not_know_the_address(legacy: Legacy, version: str) -> None:
    for call in (legacy.record, legacy.summaries):
        with pytest.raises(InvalidRequestError, match="Unrecognized request URL") as caught:
            call(version=version)
        assert caught.value.http_status == 404
    assert legacy.records() == []


def test_an_older_version_knows_it(legacy: Legacy) -> None:
    legacy.record(version="2020-08-27")
    assert legacy.records() == [("si_old", START, 5)]


@pytest.mark.parametrize(
    "bad",
    [
        {"item": "si_new"},
        {"item": "si_flat"},
        {"item": "si_none"},
        {"quantity": "1.5"},
        {"quantity": -1},
        {"action": "add"},
        {"timestamp": START - 1},
        {"timestamp": END + DAY_S},
    ],
)
def test_what_a_record_cannot_be(legacy: Legacy, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        legacy.record(**bad)
    assert legacy.records() == []


def test_records_are_billed_with_their_period_which_is_then_closed(legacy: Legacy, stripe: StripeDouble) -> None:
    legacy.record(quantity=5)
    invoice_id = ask(legacy.url, "POST", "subscriptions/advance", {"subscription": "sub_1"})["id"]
    with pytest.raises(InvalidRequestError, match="within the current billing period"):
        legacy.record(quantity=6)
    assert legacy.summaries() == [(END, None, 0), (START, invoice_id, 5)]
    ask(legacy.url, "POST", "invoices/finalize", {"invoice": invoice_id})
    billed = ask(legacy.url, "GET", "billed")["billed"]
    assert [(one["subscription_item"], one["quantity"]) for one in billed] == [("si_old", "5"), ("si_new", "0")]
    stripe.clock(END - int(time.time()) + DAY_S)
    legacy.record(quantity=6, timestamp=END)
    assert legacy.summaries()[0] == (END, None, 6)
