"""What a usage record looks like on its way, and what Stripe's answers to it prove."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.usage_records import StripeUsageRecordSender
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.errors import Misconfigured

EVENT = MeterEvent(
    item_id=7,
    identifier="exp_1-7",
    event_name="price_seats",
    customer_key="",
    stripe_customer_id="cus_1",
    value_key="",
    value="5",
    timestamp=1_790_000_000,
    attempts=2,
    maybe_sent=False,
    subscription_item="si_1",
)
UNKNOWN_ADDRESS = {"message": "Unrecognized request URL (POST: /v1/subscription_items/si_1/usage_records)."}
NO_SUCH_ITEM = {"message": "No such subscription_item: 'si_1'", "code": "resource_missing"}
REFUSED = {"message": "Invalid timestamp."}
Answer = tuple[int, dict[str, Any]]
TAKEN: Answer = (200, {"object": "usage_record"})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0)


class Exchange:
    """What was sent, and what came of it."""

    def __init__(self, event: MeterEvent, *script: Answer) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self._script: Iterator[Answer] = iter(script)
        self.result: SendResult = asyncio.run(self._run(event))

    async def _run(self, event: MeterEvent) -> SendResult:
        app = web.Application()
        app.router.add_post("/v1/subscription_items/si_1/usage_records", self._answer)
        async with TestServer(app) as server:
            sender = StripeUsageRecordSender(
                StripeConnection("sk_test_1", api_base=str(server.make_url("")).rstrip("/"))
            )
            try:
                return (await sender.send([event]))[0]
            finally:
                await sender.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((dict(request.headers), form))
        status, body = next(self._script)
        document = body if status == 200 else {"error": {"type": "invalid_request_error", **body}}
        return web.json_response(document, status=status, headers={"Request-Id": f"req_{len(self.requests)}"})


def test_the_total_is_set_under_the_last_version_that_has_records() -> None:
    exchange = Exchange(EVENT, TAKEN)
    ((headers, form),) = exchange.requests
    assert form == {"quantity": "5", "timestamp": "1790000000", "action": "set"}
    assert headers["Stripe-Version"] == "2025-02-24.acacia"
    assert (exchange.result.outcome, exchange.result.request_id) == (Outcome.ACCEPTED, "req_1")


def test_each_try_has_a_new_key() -> None:
    exchange = Exchange(EVENT, (500, REFUSED), (429, REFUSED), TAKEN)
    assert exchange.result.outcome is Outcome.ACCEPTED
    assert len({headers["Idempotency-Key"] for headers, _ in exchange.requests}) == 3


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
    assert script[-1][1]["message"] in result.error


def test_an_account_without_records_is_a_setting_to_correct() -> None:
    with pytest.raises(Misconfigured, match="takes no usage records any more: Unrecognized") as caught:
        Exchange(EVENT, (404, UNKNOWN_ADDRESS))
    assert "billing.toml" in caught.value.next_step
    assert Exchange(replace(EVENT, maybe_sent=True), (404, UNKNOWN_ADDRESS)).result.outcome is Outcome.UNKNOWN
