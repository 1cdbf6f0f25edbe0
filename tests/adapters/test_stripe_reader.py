"""Reading account and meters from Stripe: pages, passing failures, and sentences without the key."""

import traceback
from typing import Any

import pytest
import requests
import responses

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reader import StripeReader
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BillingError, Misconfigured, Unavailable
from billing_cli.domain.meter import StripeMeter

API = "https://api.stripe.com/v1"
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
CONNECTION = StripeConnection(KEY)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


STRIPES = {"Request-Id": "req_1"}


def answer_identity(livemode: bool) -> None:
    responses.get(f"{API}/account", json={"object": "account", "id": "acct_1"}, headers=STRIPES)
    responses.get(f"{API}/balance", json={"object": "balance", "livemode": livemode}, headers=STRIPES)


def meter(number: int, **changes: object) -> dict[str, Any]:
    return {
        "object": "billing.meter",
        "id": f"mtr_{number}",
        "event_name": f"meter_{number}",
        "status": "active",
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "cust"},
        "value_settings": {"event_payload_key": "gb"},
        "event_time_window": None,
        "created": 1_700_000_000,
        "updated": 1_700_000_500,
        "status_transitions": {"deactivated_at": None},
        **changes,
    }


@responses.activate
@pytest.mark.parametrize(("key", "key_is_live"), [(KEY, False), ("rk_live_1", True), ("sk_live_1", True)])
@pytest.mark.parametrize("livemode", [True, False])
def test_the_account_and_what_key_and_stripe_say_of_its_mode(key: str, key_is_live: bool, livemode: bool) -> None:
    answer_identity(livemode)
    assert StripeReader(StripeConnection(key)).identity() == StripeIdentity("acct_1", livemode, key_is_live)


@responses.activate
def test_every_page_of_meters_is_read() -> None:
    again = {"status_transitions": {"deactivated_at": 1_700_000_100}}
    pages = [([meter(1), meter(2, **again)], True), ([meter(3, status="inactive", event_time_window="day")], False)]
    for data, has_more in pages:
        responses.get(
            f"{API}/billing/meters",
            json={"object": "list", "url": "/v1/billing/meters", "data": data, "has_more": has_more},
            headers=STRIPES,
        )
    assert StripeReader(CONNECTION).meters() == [
        StripeMeter("meter_1", True, "sum", "cust", "gb", None, "mtr_1", 1_700_000_000),
        StripeMeter("meter_2", True, "sum", "cust", "gb", None, "mtr_2", 1_700_000_000, 1_700_000_100),
        StripeMeter("meter_3", False, "sum", "cust", "gb", "day", "mtr_3", 1_700_000_000, 1_700_000_500),
    ]
    assert "starting_after=mtr_2" in str(responses.calls[1].request.url)


@responses.activate
@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_failure_in_passing_is_read_again(status: int) -> None:
    responses.get(f"{API}/account", status=status, json={"error": {"message": "No."}}, headers=STRIPES)
    answer_identity(False)
    assert StripeReader(CONNECTION).identity().account_id == "acct_1"


@responses.activate
@pytest.mark.parametrize(
    ("status", "kind", "calls"), [(401, Misconfigured, 1), (403, Misconfigured, 1), (503, Unavailable, 4)]
)
def test_what_does_not_pass_is_a_sentence_without_the_key(status: int, kind: type[BillingError], calls: int) -> None:
    responses.get(
        f"{API}/account", status=status, json={"error": {"message": "Invalid API Key provided."}}, headers=STRIPES
    )
    _assert_told(kind)
    assert len(responses.calls) == calls


@responses.activate
def test_an_unreachable_stripe_is_try_later() -> None:
    responses.get(f"{API}/account", body=requests.exceptions.ConnectionError(f"Bearer {KEY}"))
    _assert_told(Unavailable)


def _assert_told(kind: type[BillingError]) -> None:
    with pytest.raises(kind) as caught:
        StripeReader(CONNECTION).identity()
    error = caught.value
    assert error.next_step
    assert KEY not in "".join(traceback.format_exception_only(error)) + repr(error) + error.next_step


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(CONNECTION) + str(CONNECTION) + repr(StripeReader(CONNECTION))
