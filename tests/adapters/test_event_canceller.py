"""What each of Stripe's answers proves about a cancellation, over a real socket on loopback."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.event_canceller import StripeEventCanceller
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.errors import Misconfigured

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
EVENT = MeterEvent(
    item_id=7,
    identifier="exp_1-7",
    event_name="storage_gb",
    customer_key="cust",
    stripe_customer_id="cus_1",
    value_key="gb",
    value="0.1",
    timestamp=1_790_000_000,
    attempts=2,
    maybe_sent=False,
)
ASKED = replace(EVENT, maybe_sent=True)
LOST = 0


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0)
    monkeypatch.setattr("billing_cli.adapters.stripe.pace._LEAST_PER_S", 1e9)
    monkeypatch.setattr("billing_cli.adapters.stripe.event_canceller.CANCELLATIONS_PER_S", 1e9)


class Exchange:
    """What was asked, and what came of it; the last answer of the script is repeated."""

    def __init__(self, event: MeterEvent, *script: int) -> None:
        self.keys: list[str] = []
        self.forms: list[dict[str, str]] = []
        self._script: Iterator[int] = iter(script)
        self._last = script[-1]
        self.result: SendResult = asyncio.run(self._run(event))

    async def _run(self, event: MeterEvent) -> SendResult:
        app = web.Application()
        app.router.add_post("/v1/billing/meter_event_adjustments", self._answer)
        async with TestServer(app) as server:
            canceller = StripeEventCanceller(StripeConnection(KEY, api_base=str(server.make_url("")).rstrip("/")))
            try:
                return (await canceller.send([event]))[0]
            finally:
                await canceller.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers["Idempotency-Key"])
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        status = next(self._script, self._last)
        if status == LOST:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        fine = {"object": "billing.meter_event_adjustment", "status": "pending"}
        body = fine if status == 200 else {"error": {"type": "invalid_request_error", "message": "No."}}
        return web.Response(status=status, text=json.dumps(body), headers={"Request-Id": f"req_{len(self.keys)}"})


@pytest.mark.parametrize(
    ("event", "script", "outcome"),
    [
        (EVENT, [200], Outcome.CANCELLED),
        (EVENT, [400], Outcome.REFUSED),
        (EVENT, [404], Outcome.REFUSED),
        (EVENT, [429, 409, 400], Outcome.REFUSED),
        (EVENT, [429, 409, 200], Outcome.CANCELLED),
        (EVENT, [LOST, 200], Outcome.CANCELLED),
        (EVENT, [500, 200], Outcome.CANCELLED),
        (EVENT, [LOST, 400], Outcome.AMBIGUOUS),
        (EVENT, [500, 400], Outcome.AMBIGUOUS),
        (EVENT, [LOST], Outcome.UNKNOWN),
        (EVENT, [500], Outcome.UNKNOWN),
        (EVENT, [503, 401], Outcome.UNKNOWN),
        (EVENT, [409], Outcome.UNSENT),
        (ASKED, [200], Outcome.CANCELLED),
        (ASKED, [400], Outcome.AMBIGUOUS),
        (ASKED, [409], Outcome.UNKNOWN),
        (ASKED, [403], Outcome.UNKNOWN),
    ],
)
def test_what_answers_prove(event: MeterEvent, script: list[int], outcome: Outcome) -> None:
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
    exchange = Exchange(EVENT, LOST, 429, 500, LOST, 409, 200)
    first, second = "exp_1-7.cancel.2", "exp_1-7.cancel.3"
    assert exchange.keys == [first, first, first, second, second, second]
    assert exchange.result.tries == 2


def test_the_next_run_goes_on_with_the_key_whose_answer_is_not_known() -> None:
    for script, key in (([LOST], "exp_1-7.cancel.2"), ([500, LOST], "exp_1-7.cancel.3")):
        before = Exchange(EVENT, *script)
        assert before.keys[-1] == key
        # As the database counts: a claim of what was asked for before adds nothing.
        attempts = EVENT.attempts + before.result.tries - 1
        assert Exchange(replace(ASKED, attempts=attempts), 200).keys == [key]
    all_failed = Exchange(EVENT, 500)
    again = Exchange(replace(ASKED, attempts=EVENT.attempts + all_failed.result.tries - 1), 200)
    assert not set(again.keys) & set(all_failed.keys)
