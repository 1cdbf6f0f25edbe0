"""What each of Stripe's answers proves about a cancellation, over a real socket on loopback."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from support.one_exchange import EVENT, RESET, Answer
from support.one_exchange import Exchange as OneExchange

from billing_cli.adapters.stripe.event_canceller import StripeEventCanceller
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.errors import Misconfigured

ASKED = replace(EVENT, maybe_sent=True)


def success(event: MeterEvent) -> dict[str, Any]:
    cancel = {"identifier": event.identifier}
    return {"object": "billing.meter_event_adjustment", "event_name": event.event_name, "cancel": cancel}


Exchange = partial(OneExchange, StripeEventCanceller, success, "/v1/billing/meter_event_adjustments")

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize(
    ("event", "script", "outcome"),
    [
        (EVENT, [200], Outcome.CANCELLED),
        (EVENT, [400], Outcome.REFUSED),
        (EVENT, [404], Outcome.REFUSED),
        (EVENT, [429, 409, 400], Outcome.AMBIGUOUS),
        (EVENT, [429, 409, 200], Outcome.CANCELLED),
        (EVENT, [RESET, 200], Outcome.CANCELLED),
        (EVENT, [500, 200], Outcome.CANCELLED),
        (EVENT, [RESET, 400], Outcome.AMBIGUOUS),
        (EVENT, [500, 400], Outcome.AMBIGUOUS),
        (EVENT, [RESET], Outcome.UNKNOWN),
        (EVENT, [500], Outcome.UNKNOWN),
        (EVENT, [503, 401], Outcome.UNKNOWN),
        (EVENT, [409], Outcome.UNKNOWN),
        (ASKED, [200], Outcome.CANCELLED),
        (ASKED, [400], Outcome.AMBIGUOUS),
        (ASKED, [409], Outcome.UNKNOWN),
        (ASKED, [403], Outcome.UNKNOWN),
    ],
)
def test_what_answers_prove(event: MeterEvent, script: list[Answer], outcome: Outcome) -> None:
    exchange = Exchange(event, *script)
    assert (exchange.result.outcome, exchange.result.item_id) == (outcome, EVENT.item_id)
    assert (exchange.result.error is None) == (outcome is Outcome.CANCELLED)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_setting_to_correct(status: int) -> None:
    with pytest.raises(Misconfigured):
        Exchange(EVENT, status)


def test_it_names_the_event_by_its_identifier() -> None:
    assert Exchange(EVENT, 200).forms == [
        {"type": "cancel", "event_name": "storage_gb", "cancel[identifier]": "exp_1-7"}
    ]


def test_a_lost_answer_is_asked_for_again_under_the_same_key_and_a_server_error_under_a_new_one() -> None:
    exchange = Exchange(EVENT, RESET, 429, 500, RESET, 409, 200)
    first, second = "exp_1-7.cancel.2", "exp_1-7.cancel.3"
    assert exchange.keys == [first, first, first, second, second, second]
    assert exchange.result.tries == 2


def test_the_next_run_goes_on_with_the_key_whose_answer_is_not_known() -> None:
    for script, key in (([RESET], "exp_1-7.cancel.2"), ([500, RESET], "exp_1-7.cancel.3")):
        before = Exchange(EVENT, *script)
        assert before.keys[-1] == key
        # As the database counts: a claim of what was asked for before adds nothing.
        attempts = EVENT.attempts + before.result.tries - 1
        assert Exchange(replace(ASKED, attempts=attempts), 200).keys == [key]
    all_failed = Exchange(EVENT, 500)
    again = Exchange(replace(ASKED, attempts=EVENT.attempts + all_failed.result.tries - 1), 200)
    assert not set(again.keys) & set(all_failed.keys)
