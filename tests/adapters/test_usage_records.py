"""What a usage record looks like on its way, and what Stripe's answers to it prove."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from support.one_exchange import EVENT as METER_EVENT
from support.one_exchange import Exchange as OneExchange
from support.one_exchange import error

from billing_cli.adapters.stripe.usage_records import StripeUsageRecordSender
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.errors import Misconfigured

EVENT = replace(
    METER_EVENT, event_name="price_seats", customer_key="", value_key="", value="5", subscription_item="si_1"
)


def success(event: MeterEvent) -> dict[str, Any]:
    quantity = {"quantity": int(event.value), "timestamp": event.timestamp}
    return {"object": "usage_record", "subscription_item": event.subscription_item, **quantity}


Exchange = partial(OneExchange, StripeUsageRecordSender, success, "/v1/subscription_items/si_1/usage_records")
UNKNOWN_ADDRESS = error("Unrecognized request URL (POST: /v1/subscription_items/si_1/usage_records).")
NO_SUCH_ITEM = error("No such subscription_item: 'si_1'", "resource_missing")
REFUSED = error("Invalid timestamp.")
Answer = tuple[int, dict[str, Any]]

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_the_total_is_set_under_the_last_version_that_has_records() -> None:
    exchange = Exchange(EVENT, 200)
    assert exchange.forms == [{"quantity": "5", "timestamp": "1790000000", "action": "set"}]
    assert exchange.headers[0]["Stripe-Version"] == "2025-02-24.acacia"
    assert (exchange.result.outcome, exchange.result.request_id) == (Outcome.ACCEPTED, "req_1")


def test_each_try_has_a_new_key() -> None:
    exchange = Exchange(EVENT, (500, REFUSED), (429, REFUSED), 200)
    assert exchange.result.outcome is Outcome.ACCEPTED
    assert len(set(exchange.keys)) == 3


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ([(400, REFUSED)], Outcome.REJECTED),
        ([(404, NO_SUCH_ITEM)], Outcome.REJECTED),
        ([(500, REFUSED), (400, REFUSED)], Outcome.AMBIGUOUS),
        ([(500, REFUSED), (404, UNKNOWN_ADDRESS)], Outcome.UNKNOWN),
    ],
)
def test_what_refusals_prove(script: list[Answer], outcome: Outcome) -> None:
    result = Exchange(EVENT, *script).result
    assert result.outcome is outcome
    assert result.error is not None
    assert script[-1][1]["error"]["message"] in result.error


def test_an_account_without_records_is_a_setting_to_correct() -> None:
    with pytest.raises(Misconfigured, match="takes no usage records any more: Unrecognized") as caught:
        Exchange(EVENT, (404, UNKNOWN_ADDRESS))
    assert "billing.toml" in caught.value.next_step
    assert Exchange(replace(EVENT, maybe_sent=True), (404, UNKNOWN_ADDRESS)).result.outcome is Outcome.UNKNOWN
