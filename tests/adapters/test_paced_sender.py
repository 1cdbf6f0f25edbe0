"""How fast a sender begins, how it shares, what the reasons of real 429s change, and how it ends."""

import asyncio
from typing import TypeVar

import pytest
from support.permits import lasting
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.meter_events import StripeMeterEventSender
from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
from billing_cli.adapters.stripe.paced_sender import PacedSender
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult

TEST, LIVE = "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
ELSEWHERE = "http://127.0.0.1:1"
METER_EVENTS = "/v1/billing/meter_events"
EVENT = MeterEvent(
    1, "exp_1-1", "api_calls", "stripe_customer_id", "cus_1", "value", "1", int(YESTERDAY.timestamp()), 1, False
)

Sender = TypeVar("Sender", StripeMeterEventSender, StripeMeterStreamSender)


def made(kind: type[Sender], key: str, base: str | None = None) -> PacedSender:
    """A sender as it begins; the loop that it needs is gone."""

    async def make() -> Sender:
        sender = kind(StripeConnection(key, api_base=base, meter_events_base=base), lasting())
        await sender.close()
        return sender

    return asyncio.run(make())


@pytest.mark.parametrize(
    ("key", "base", "event_by_event", "stream"),
    [(LIVE, None, 980, 9800), (TEST, None, 24, 24), (TEST, ELSEWHERE, None, None)],
)
def test_a_sender_begins_with_what_the_key_may_do(
    key: str, base: str | None, event_by_event: float | None, stream: float | None
) -> None:
    assert made(StripeMeterEventSender, key, base).events_per_s == event_by_event
    assert made(StripeMeterStreamSender, key, base).events_per_s == stream


def test_what_the_key_may_do_is_shared_like_any_other_limit() -> None:
    sender = made(StripeMeterEventSender, LIVE)
    sender.limit(None, 4)
    assert sender.events_per_s == 245
    sender.limit(100, 4)
    assert sender.events_per_s == 25
    sender.limit(5000, 2)
    assert sender.events_per_s == 490
    elsewhere = made(StripeMeterEventSender, TEST, ELSEWHERE)
    elsewhere.limit(50, 2)
    assert elsewhere.events_per_s == 25
    elsewhere.limit(None, 1)
    assert elsewhere.events_per_s is None


@pytest.mark.parametrize(
    ("reason", "slower", "fewer"),
    [
        ("global-rate", True, False),
        ("endpoint-rate", True, False),
        ("global-concurrency", False, True),
        ("endpoint-concurrency", False, True),
        ("resource-specific", False, False),
        ("", False, False),
    ],
)
def test_a_refusal_changes_what_its_reason_says_and_the_event_goes_again(
    reason: str, slower: bool, fewer: bool, stripe: StripeDouble
) -> None:
    async def scenario() -> tuple[SendResult, float | None, int]:
        sender = StripeMeterEventSender(StripeConnection(TEST, api_base=stripe.url), lasting())
        sender.limit(500, 1)
        try:
            await sender.turn(1)
            return (await sender.send([EVENT]))[0], sender.events_per_s, sender.in_flight
        finally:
            await sender.close()

    stripe.bulk([{"id": "cus_1"}], [{"event_name": "api_calls"}])
    stripe.fault(kind="status", status=429, reason=reason, count=1, endpoint=METER_EVENTS)
    before = made(StripeMeterEventSender, TEST, ELSEWHERE)
    before.limit(500, 1)
    result, per_s, in_flight = asyncio.run(scenario())
    assert (result.outcome, result.tries) == (Outcome.ACCEPTED, 2)
    assert per_s is not None
    assert (per_s < 500) is slower
    assert (in_flight < 0.8 * before.in_flight) is (fewer or slower)


def test_an_ending_sender_tries_nothing_again(stripe: StripeDouble) -> None:
    async def scenario() -> SendResult:
        sender = StripeMeterEventSender(StripeConnection(TEST, api_base=stripe.url), lasting())
        try:
            sender.end()
            return (await sender.send([EVENT]))[0]
        finally:
            await sender.close()

    stripe.fault(kind="status", status=500, endpoint=METER_EVENTS)
    result = asyncio.run(scenario())
    assert (result.outcome, result.tries) == (Outcome.UNKNOWN, 1)
