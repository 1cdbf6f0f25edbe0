"""Rate limits say which they are, are counted, and leave alone who keeps to the rate."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from support.stripe_control import StripeDouble

from billing_cli.domain.errors import BadInput
from billing_cli.sandbox.simulator.faults import REASONS
from billing_cli.sandbox.simulator.limits import METER_EVENTS, RateLimit
from billing_cli.sandbox.simulator.meter_event_stream import STREAM
from billing_cli.sandbox.simulator.replies import Call, Refusal
from billing_cli.sandbox.simulator.state import Settings, State
from billing_cli.sandbox.stripe_control import ask


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    state = State(tmp_path_factory.mktemp("limits"), Settings(rate=100, stream_rate=1000))
    yield state
    state.journal.close()


def refusals(state: State, arrivals: list[tuple[float, Call]]) -> list[Refusal]:
    """What the limiter refuses of calls that arrive at these seconds."""
    limit, found = RateLimit(), []
    with mock.patch("billing_cli.sandbox.simulator.limits.time.monotonic") as clock:
        for at_s, call in arrivals:
            clock.return_value = at_s
            try:
                limit.check(state, call)
            except Refusal as refusal:
                found.append(refusal)
    return found


def call(path: str = METER_EVENTS, events: int = 0, livemode: bool = True) -> Call:
    return Call("POST", path, {}, livemode, 0, document={"events": [{}] * events} if events else None)


late = st.lists(st.floats(0, 0.99, allow_nan=False), min_size=1, max_size=300)


@given(delays_s=late)
def test_calls_at_the_rate_are_never_refused_however_the_network_delays_them(
    state: State, delays_s: list[float]
) -> None:
    arrivals = sorted(number / 100 + delay_s for number, delay_s in enumerate(delays_s))
    assert refusals(state, [(at_s, call()) for at_s in arrivals]) == []


@given(delays_s=late)
def test_full_requests_at_the_streams_rate_are_never_refused(state: State, delays_s: list[float]) -> None:
    arrivals = sorted(number / 10 + delay_s for number, delay_s in enumerate(delays_s))
    assert refusals(state, [(at_s, call(STREAM, 100)) for at_s in arrivals]) == []


@given(gaps_s=st.lists(st.floats(0, 0.02, allow_nan=False), max_size=400))
def test_what_gets_through_is_never_more_than_the_rate_and_one_second_more(state: State, gaps_s: list[float]) -> None:
    arrivals, at_s = [], 0.0
    for gap_s in gaps_s:
        at_s += gap_s
        arrivals.append((at_s, call()))
    assert len(arrivals) - len(refusals(state, arrivals)) <= 100 * at_s + 100 + 1e-3


def test_each_budget_and_mode_stands_alone_and_names_its_limit(state: State) -> None:
    before = state.rate_limited
    crowd = [(0.0, call())] * 101 + [(0.0, call("/v1/customers"))] * 101 + [(0.0, call(STREAM, 100))] * 11
    found = refusals(state, [*crowd, (0.0, call(livemode=False))])
    assert [one.headers["Stripe-Rate-Limited-Reason"] for one in found] == [
        "endpoint-rate", "global-rate", "endpoint-rate",
    ]  # fmt: skip
    assert state.rate_limited - before == 3


def test_a_request_that_is_larger_than_the_rate_passes_after_a_while(tmp_path: Path) -> None:
    slow = State(tmp_path, Settings(stream_rate=10))
    assert len(refusals(slow, [(0.0, call(STREAM, 100)), (9.0, call(STREAM, 100)), (10.0, call(STREAM, 100))])) == 1
    slow.journal.close()


@pytest.mark.parametrize("reason", [*REASONS, None])
def test_a_429_fault_is_a_limit_with_its_reason_or_a_lock_without_one(stripe: StripeDouble, reason: str | None) -> None:
    stripe.fault(kind="status", status=429, reason=reason)
    answer = requests.get(f"{stripe.url}/v1/account", headers={"Authorization": "Bearer sk_test_1"}, timeout=10)
    assert answer.status_code == 429
    assert answer.headers.get("Stripe-Rate-Limited-Reason") == reason
    assert answer.json()["error"]["code"] == ("rate_limit" if reason else "lock_timeout")
    assert ask(stripe.url, "GET", "status")["rate_limited"] == 0


@pytest.mark.parametrize("wish", [{"status": 429, "reason": "bad-luck"}, {"status": 503, "reason": "global-rate"}])
def test_a_reason_that_cannot_be_is_refused(stripe: StripeDouble, wish: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="may have a reason"):
        stripe.fault(kind="status", **wish)
