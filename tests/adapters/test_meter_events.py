"""What each of Stripe's answers proves about a meter event, over a real socket on loopback."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from support.one_exchange import CUT, EVENT, KEY, RESET, Answer, error
from support.one_exchange import Exchange as OneExchange

from billing_cli.adapters.stripe.meter_events import StripeMeterEventSender
from billing_cli.domain.batch import MeterEvent, Outcome
from billing_cli.domain.errors import Misconfigured

DUPLICATE = "An event already exists with identifier exp_1-7."


def success(event: MeterEvent) -> dict[str, Any]:
    payload = {event.customer_key: event.stripe_customer_id, event.value_key: event.value}
    return {
        "object": "billing.meter_event",
        "identifier": event.identifier,
        "event_name": event.event_name,
        "payload": payload,
    }


Exchange = partial(OneExchange, StripeMeterEventSender, success, "/v1/billing/meter_events")

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize(
    ("script", "outcome", "tries"),
    [
        ([200], Outcome.ACCEPTED, 1),
        ([(400, error(DUPLICATE))], Outcome.ACCEPTED, 1),
        ([(400, error("Again.", "duplicate_meter_event"))], Outcome.ACCEPTED, 1),
        ([400], Outcome.REJECTED, 1),
        ([404], Outcome.REJECTED, 1),
        ([409, 200], Outcome.ACCEPTED, 2),
        ([409, 400], Outcome.AMBIGUOUS, 2),
        ([429, 429, 429, 400], Outcome.AMBIGUOUS, 4),
        ([500, 200], Outcome.ACCEPTED, 2),
        ([500, (400, error(DUPLICATE))], Outcome.ACCEPTED, 2),
        ([500, 400], Outcome.AMBIGUOUS, 2),
        ([RESET, 400], Outcome.AMBIGUOUS, 2),
        ([RESET, 200], Outcome.ACCEPTED, 2),
        ([CUT, 200], Outcome.ACCEPTED, 2),
        ([CUT, 400], Outcome.AMBIGUOUS, 2),
        ([500], Outcome.UNKNOWN, 8),
        ([RESET], Outcome.UNKNOWN, 8),
        ([409], Outcome.UNKNOWN, 8),
        ([503, 401], Outcome.UNKNOWN, 2),
        ([503, 403], Outcome.UNKNOWN, 2),
    ],
)
def test_what_answers_prove(script: list[Answer], outcome: Outcome, tries: int) -> None:
    exchange = Exchange(EVENT, *script)
    assert (exchange.result.outcome, exchange.result.tries) == (outcome, tries)
    assert exchange.result.item_id == EVENT.item_id
    assert len(exchange.keys) == tries
    assert (exchange.result.error is None) == (outcome is Outcome.ACCEPTED)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(200, Outcome.ACCEPTED), ((400, error(DUPLICATE)), Outcome.ACCEPTED), (400, Outcome.AMBIGUOUS)],
)
def test_what_an_earlier_run_may_have_sent_is_never_called_rejected(answer: Answer, outcome: Outcome) -> None:
    assert Exchange(replace(EVENT, maybe_sent=True), answer).result.outcome is outcome


@pytest.mark.parametrize("answer", [401, 403])
def test_an_earlier_runs_event_stays_unknown_when_the_key_is_refused(answer: Answer) -> None:
    assert Exchange(replace(EVENT, maybe_sent=True), answer).result.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("body", ["", "<html>Welcome to the hotel</html>", '{"object": "billing.meter_'])
def test_a_success_that_cannot_be_read_proves_nothing(body: str) -> None:
    exchange = Exchange(EVENT, (200, body))
    assert exchange.result.outcome is Outcome.UNKNOWN
    assert Exchange(EVENT, (200, body), (400, error(DUPLICATE))).result.outcome is Outcome.ACCEPTED
    assert Exchange(EVENT, (200, body), 400).result.outcome is Outcome.AMBIGUOUS


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_setting_to_correct_and_is_not_repeated(status: int) -> None:
    with pytest.raises(Misconfigured) as caught:
        Exchange(EVENT, (status, error(f"Invalid API Key provided: {KEY[:12]}********p7dc")), 200)
    assert KEY not in caught.value.message + caught.value.next_step + repr(caught.value)


def test_a_rate_limit_without_end_leaves_the_event_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._PATIENCE_S", 0.2)
    exchange = Exchange(EVENT, 429)
    assert exchange.result.outcome is Outcome.UNKNOWN
    assert exchange.result.tries > 8
    assert exchange.result.error == "429: No."


def test_the_request_that_was_accepted_is_remembered() -> None:
    assert Exchange(EVENT, 200).result.request_id == "req_1"
    assert Exchange(EVENT, 500, 200).result.request_id == "req_2"


def test_a_refusal_is_remembered_in_stripes_words() -> None:
    result = Exchange(EVENT, (400, error("The payload must " + "x" * 500))).result
    assert (result.request_id, result.error is not None and len(result.error)) == ("req_1", 300)
    assert str(result.error).startswith("400: The payload must")


def test_each_try_has_a_new_key_and_the_same_event() -> None:
    exchange = Exchange(EVENT, 500, RESET, 429, 409, 200)
    assert len(set(exchange.keys)) == 5
    assert len({json.dumps(form, sort_keys=True) for form in exchange.forms}) == 1
    later = Exchange(replace(EVENT, attempts=EVENT.attempts + 1), 500, 200)
    assert not set(later.keys) & set(exchange.keys)


@pytest.mark.parametrize("quantity", ["0.1", "-3", "1234567890.12345", "0.000000000000001", "999999999999999"])
def test_the_meters_own_keys_and_every_digit_go_out(quantity: str) -> None:
    (form,) = Exchange(replace(EVENT, value=quantity), 200).forms
    assert form == {
        "event_name": "storage_gb",
        "identifier": "exp_1-7",
        "timestamp": "1790000000",
        "payload[cust]": "cus_1",
        "payload[gb]": quantity,
    }
