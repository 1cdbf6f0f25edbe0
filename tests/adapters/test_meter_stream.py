"""What each answer of the meter event stream proves, how refused parcels are taken apart, and when sessions are renewed."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.one_exchange import EVENT, KEY, RESET, reset
from support.permits import lasting

from billing_cli.adapters.stripe import stream_session
from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.adapters.stripe.stream_session import StreamSession
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.errors import Misconfigured

# A day that is not today's, as if this machine's clock were wrong.
CREATED, EXPIRES = "2019-01-01T00:00:00.000Z", "2019-01-01T00:15:00.000Z"
Answer = int | str
EXPIRED = {"error": {"type": "temporary_session_expired", "code": "billing_meter_event_session_expired"}}


pytestmark = pytest.mark.usefixtures("no_waiting")


def events(count: int, **changes: Any) -> list[MeterEvent]:
    return [replace(EVENT, item_id=number, identifier=f"exp_1-{number}", **changes) for number in range(count)]


class Clock:
    """A monotonic clock that is set by hand."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class Stripe:
    """Sessions as scripted, and answers to parcels by their identifiers; keeps what it was sent."""

    def __init__(self, answer: Callable[[list[str]], Answer], sessions: Sequence[Answer] = (200,)) -> None:
        self.session_keys: list[str] = []
        self.parcels: list[list[dict[str, Any]]] = []
        self.tokens: list[str] = []
        self.keys: list[str] = []
        self.taken: Counter[str] = Counter()
        self.expired: set[str] = set()
        self._answer = answer
        self._sessions: Iterator[Answer] = iter(sessions)
        self._last_session = sessions[-1]

    async def send(self, *parcels: list[MeterEvent]) -> list[SendResult]:
        """All parcels at once."""
        async with self._server() as connection:
            sender = StripeMeterStreamSender(connection, lasting())
            try:
                results = await asyncio.gather(*map(sender.send, parcels))
            finally:
                await sender.close()
        return [result for parcel in results for result in parcel]

    async def tokens_at(self, clock: Clock, moments_s: Sequence[float]) -> list[str]:
        """What one session gives to those who ask at these moments."""
        tokens = []
        async with self._server() as connection:
            http = PostSession(connection, lasting())
            session = StreamSession(http)
            for clock.now_s in moments_s:
                tokens.append(await session.token())
            await http.close()
        return tokens

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[StripeConnection]:
        app = web.Application()
        app.router.add_post("/v2/billing/meter_event_session", self._open_session)
        app.router.add_post("/v2/billing/meter_event_stream", self._take)
        async with TestServer(app) as server:
            url = str(server.make_url("")).rstrip("/")
            yield StripeConnection(KEY, api_base=url, meter_events_base=url)

    async def _open_session(self, request: web.Request) -> web.Response:
        self.session_keys.append(request.headers["Authorization"].removeprefix("Bearer "))
        answer = next(self._sessions, self._last_session)
        if answer != 200:
            return answered({"error": {"type": "invalid_request_error", "message": "No session."}}, int(answer))
        token = f"token_{len(self.session_keys)}"
        session = {"object": "v2.billing.meter_event_session", "authentication_token": token}
        return answered({**session, "created": CREATED, "expires_at": EXPIRES})

    async def _take(self, request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        self.keys.append(request.headers["Idempotency-Key"])
        if token in self.expired:
            return answered(EXPIRED, 401)
        self.parcels.append((await request.json())["events"])
        identifiers = [event["identifier"] for event in self.parcels[-1]]
        answer = self._answer(identifiers)
        if answer == RESET:
            return reset(request)
        if answer == 200:
            self.taken.update(identifiers)
            return answered({})
        return answered({"error": {"type": "invalid_request_error", "message": "No."}}, int(answer))


def answered(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(document, status=status, headers={"Request-Id": "req_1"})


def script(*answers: Answer) -> Callable[[list[str]], Answer]:
    following = iter(answers)
    return lambda identifiers: next(following, answers[-1])


def refusing(*bad: int) -> Callable[[list[str]], Answer]:
    return lambda identifiers: 400 if {f"exp_1-{number}" for number in bad} & set(identifiers) else 200


def outcomes(results: list[SendResult]) -> dict[int, Outcome]:
    return {result.item_id: result.outcome for result in results}


@pytest.mark.parametrize(
    ("answers", "outcome", "tries"),
    [
        ([200], Outcome.ACCEPTED, 1),
        ([409, 200], Outcome.ACCEPTED, 2),
        ([429] * 12 + [200], Outcome.ACCEPTED, 13),
        ([500, RESET, 200], Outcome.ACCEPTED, 3),
        ([500], Outcome.UNKNOWN, 8),
        ([RESET], Outcome.UNKNOWN, 8),
        ([409], Outcome.UNKNOWN, 8),
        ([503, 403], Outcome.UNKNOWN, 2),
    ],
)
def test_what_answers_prove_about_every_event_of_a_parcel(answers: list[Answer], outcome: Outcome, tries: int) -> None:
    stripe = Stripe(script(*answers))
    results = asyncio.run(stripe.send(events(100)))
    assert [(r.item_id, r.outcome, r.tries) for r in results] == [(n, outcome, tries) for n in range(100)]
    assert {r.error is None for r in results} == {outcome is Outcome.ACCEPTED}
    # The same events under the same identifiers in every try, and never the same idempotency key.
    assert len(stripe.parcels) == tries == len(set(stripe.keys))
    assert len({json.dumps(parcel) for parcel in stripe.parcels}) == 1


def test_an_event_goes_out_as_the_stream_wants_it() -> None:
    stripe = Stripe(script(200))
    asyncio.run(stripe.send(events(1)))
    assert stripe.parcels == [
        [
            {
                "event_name": "storage_gb",
                "identifier": "exp_1-0",
                "timestamp": "2026-09-21T14:13:20Z",
                "payload": {"cust": "cus_1", "gb": "0.1"},
            }
        ]
    ]
    assert (stripe.session_keys, stripe.tokens) == ([KEY], ["token_1"])


@pytest.mark.parametrize("bad", [(0,), (99,), (0, 1, 50, 99), (7, 8, 9)])
def test_a_refused_parcel_is_taken_apart_until_what_is_at_fault_stands_alone(bad: tuple[int, ...]) -> None:
    stripe = Stripe(refusing(*bad))
    found = outcomes(asyncio.run(stripe.send(events(100))))
    assert {number for number, outcome in found.items() if outcome is Outcome.REJECTED} == set(bad)
    assert Counter(found.values())[Outcome.ACCEPTED] == 100 - len(bad) == len(stripe.taken)
    assert set(stripe.taken.values()) == {1}
    assert len(set(stripe.keys)) == len(stripe.keys)


def test_what_is_refused_after_a_try_that_may_have_been_taken_is_ambiguous() -> None:
    answers = iter([500])
    refuse = refusing(3)
    stripe = Stripe(lambda identifiers: next(answers, None) or refuse(identifiers))
    found = outcomes(asyncio.run(stripe.send(events(10))))
    assert found == {number: Outcome.AMBIGUOUS if number == 3 else Outcome.ACCEPTED for number in range(10)}


def test_what_an_earlier_run_may_have_sent_is_never_called_rejected_or_unsent() -> None:
    parcel = [*events(1, maybe_sent=True), *events(2)[1:]]
    assert outcomes(asyncio.run(Stripe(script(400)).send(parcel))) == {0: Outcome.AMBIGUOUS, 1: Outcome.REJECTED}
    assert outcomes(asyncio.run(Stripe(script(409)).send(parcel))) == {0: Outcome.UNKNOWN, 1: Outcome.UNKNOWN}


def test_an_expired_session_is_renewed_once_for_all_parcels_under_way() -> None:
    stripe = Stripe(script(200))
    stripe.expired = {"token_1"}
    results = asyncio.run(stripe.send(*([event] for event in events(16))))
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert stripe.session_keys == [KEY, KEY]
    assert Counter(stripe.tokens) == {"token_1": 16, "token_2": 16}


def test_sessions_that_are_always_expired_leave_the_events_unsent() -> None:
    stripe = Stripe(script(200))
    stripe.expired = {f"token_{number}" for number in range(1, 100)}
    assert outcomes(asyncio.run(stripe.send(events(1)))) == {0: Outcome.UNSENT}


def test_a_session_is_renewed_a_minute_before_its_own_lifetime_ends_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(stream_session, "time", clock)
    moments_s = (0, 839, 841, 841 + 839, 841 + 841)
    tokens = asyncio.run(Stripe(script(200)).tokens_at(clock, moments_s))
    assert tokens == ["token_1", "token_1", "token_2", "token_2", "token_3"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_setting_to_correct(status: int) -> None:
    stripe = Stripe(script(200), sessions=[status])
    with pytest.raises(Misconfigured) as caught:
        asyncio.run(stripe.send(events(3)))
    assert KEY not in caught.value.message + caught.value.next_step + repr(caught.value)
    assert stripe.parcels == []


def test_stripe_may_refuse_a_session_and_says_why() -> None:
    stripe = Stripe(script(200), sessions=[400])
    with pytest.raises(Misconfigured, match="No session") as caught:
        asyncio.run(stripe.send(events(3)))
    assert "--backend events" in caught.value.next_step


def test_a_session_is_asked_for_again_and_without_one_nothing_was_sent() -> None:
    stripe = Stripe(script(200), sessions=[500, 429, 200])
    assert outcomes(asyncio.run(stripe.send(events(1)))) == {0: Outcome.ACCEPTED}
    away = Stripe(script(200), sessions=[500])
    parcels = ([event] for event in events(16))
    assert set(outcomes(asyncio.run(away.send(*parcels))).values()) == {Outcome.UNSENT}
    assert len(away.session_keys) == 8
    assert outcomes(asyncio.run(away.send(events(1, maybe_sent=True)))) == {0: Outcome.UNKNOWN}


def test_a_key_that_is_revoked_while_a_parcel_is_taken_apart_hides_nothing() -> None:
    answers = iter([400, 200])
    stripe = Stripe(lambda identifiers: next(answers, 403))
    assert outcomes(asyncio.run(stripe.send(events(2)))) == {0: Outcome.ACCEPTED, 1: Outcome.UNSENT}
