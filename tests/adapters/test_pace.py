"""How fast and how many at once, on a clock that only the test moves."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.adapters.stripe.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def send(pace: Pace, clock: Clock, calls: int, latency_s: float = 0.1) -> float:
    """Calls that Stripe takes, each at its turn; the seconds they took."""
    began_s = clock.now_s
    for _ in range(calls):
        clock.now_s += pace.turn_s()
        pace.accepted(latency_s)
    return clock.now_s - began_s


def test_turns_are_even_and_an_idle_time_is_not_made_up_for(clock: Clock) -> None:
    pace = Pace(25, clock=clock)
    assert send(pace, clock, 26) == pytest.approx(1.0)
    clock.now_s += 60
    assert send(pace, clock, 26) == pytest.approx(1.0)


@given(
    per_s=st.floats(0.5, 2000),
    events=st.sampled_from([1, 100]),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_a_token_bucket_of_the_same_rate_refuses_nothing(per_s: float, events: int, pauses: list[float]) -> None:
    clock = Clock()
    pace = Pace(per_s, clock=clock)
    size = left = max(per_s, events)
    filled_at = clock.now_s
    for pause_s in pauses:
        clock.now_s += pause_s if pause_s > 1 else 0
        clock.now_s += pace.turn_s(events)
        left = min(size, left + (clock.now_s - filled_at) * per_s) - events
        filled_at = clock.now_s
        assert left > -1e-6


@given(st.integers(0, 1000))
def test_no_second_has_more_than_the_limit_however_late_the_turns_come(seed: int) -> None:
    clock, lateness = Clock(), random.Random(seed)
    pace = Pace(980, clock=clock)
    sent_at = []
    for _ in range(3000):
        clock.now_s += pace.turn_s() + lateness.choice([0, 0, 0.0005, 0.002])
        sent_at.append(clock.now_s)
    assert all(sent_at[i + 1000] - sent_at[i] >= 1 for i in range(len(sent_at) - 1000))


def test_late_turns_are_made_up_for_at_once(clock: Clock) -> None:
    pace = Pace(980, clock=clock)
    began_s = clock.now_s
    for _ in range(980):
        # A timer that wakes up a millisecond late.
        wait_s = pace.turn_s()
        clock.now_s += wait_s + 0.001 if wait_s else 0
    assert clock.now_s - began_s == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("reason", ["global-rate", "endpoint-rate"])
def test_a_rate_reason_lowers_the_rate_and_not_the_calls_in_flight_but_by_it(clock: Clock, reason: str) -> None:
    pace = Pace(980, clock=clock)
    send(pace, clock, 2000)
    pace.refused(reason)
    assert pace.per_s is not None
    assert 490 <= pace.per_s <= 0.9 * 981
    pace.limit(980 * 980 / pace.per_s)
    assert pace.in_flight > 100


@pytest.mark.parametrize("reason", ["global-concurrency", "endpoint-concurrency"])
def test_a_concurrency_reason_lowers_the_calls_in_flight_and_not_the_rate(clock: Clock, reason: str) -> None:
    pace = Pace(980, clock=clock)
    send(pace, clock, 100)
    before = pace.in_flight
    pace.refused(reason)
    assert pace.per_s == 980
    assert pace.in_flight == int(0.7 * before)


@pytest.mark.parametrize("reason", ["resource-specific", None, "something new"])
def test_any_other_reason_is_about_that_one_call(clock: Clock, reason: str | None) -> None:
    pace = Pace(980, clock=clock)
    send(pace, clock, 100)
    before = pace.in_flight
    pace.refused(reason)
    assert (pace.per_s, pace.in_flight) == (980, before)


def test_the_refusals_of_one_overshoot_slow_down_once(clock: Clock) -> None:
    pace = Pace(980, clock=clock)
    send(pace, clock, 2000)
    pace.refused("endpoint-rate")
    slowed = pace.per_s
    for _ in range(100):
        pace.refused("endpoint-rate")
    assert pace.per_s == slowed
    clock.now_s += 1.1
    pace.refused("endpoint-rate")
    assert pace.per_s is not None
    assert slowed is not None
    assert pace.per_s < slowed


def test_a_lowered_rate_grows_evenly_back_to_where_it_began_and_no_further(clock: Clock) -> None:
    pace = Pace(100, clock=clock)
    send(pace, clock, 200)
    for _ in range(3):
        pace.refused("global-rate")
        clock.now_s += 1.1
    rates = []
    for _ in range(20):
        before_s = clock.now_s
        while clock.now_s - before_s < 1:
            send(pace, clock, 1)
        rates.append(pace.per_s or 0)
    steps = [later - earlier for earlier, later in pairwise(rates) if later < 100]
    assert steps
    assert all(4.5 < step < 5.5 for step in steps)
    assert rates[-1] == 100


def test_calls_in_flight_come_back_one_a_round(clock: Clock) -> None:
    pace = Pace(980, clock=clock)
    send(pace, clock, 100)
    before = pace.in_flight
    pace.refused("global-concurrency")
    thinned = pace.in_flight
    send(pace, clock, thinned)
    assert pace.in_flight == thinned + 1
    send(pace, clock, 10_000)
    assert pace.in_flight == before


def test_without_a_limit_nothing_waits_until_stripe_says_so(clock: Clock) -> None:
    pace = Pace(clock=clock)
    assert pace.per_s is None
    for _ in range(500):
        assert pace.turn_s() == 0
        pace.accepted(0.1)
        clock.now_s += 0.002
    pace.refused("endpoint-rate")
    assert pace.per_s == pytest.approx(450, rel=0.01)


def test_a_refusal_of_the_first_call_leaves_a_pace_that_any_key_may_have(clock: Clock) -> None:
    pace = Pace(clock=clock)
    pace.turn_s()
    pace.refused("global-rate")
    assert pace.per_s == 12.5


def test_in_flight_follows_the_latency_by_littles_law(clock: Clock) -> None:
    pace = Pace(1000, clock=clock)
    send(pace, clock, 200, latency_s=0.1)
    assert 110 <= pace.in_flight <= 130
    send(pace, clock, 200, latency_s=0.3)
    assert 330 <= pace.in_flight <= 370
    send(pace, clock, 200, latency_s=5)
    assert pace.in_flight == 500
    slow = Pace(24, clock=clock)
    assert slow.in_flight < 10


def test_a_share_that_changes_keeps_a_lowered_pace_in_proportion(clock: Clock) -> None:
    pace = Pace(980, clock=clock)
    pace.limit(490)
    assert pace.per_s == 490
    pace.limit(980)
    assert pace.per_s == 980
    send(pace, clock, 2000)
    pace.refused("endpoint-rate")
    slowed = pace.per_s or 0
    pace.limit(490)
    assert pace.per_s == pytest.approx(slowed / 2)
    pace.limit(None)
    assert pace.per_s == pytest.approx(slowed / 2)


def test_no_second_has_more_calls_however_late_the_threads_wake(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stood still, and the turns of all are over at once."""
    pace = Pace(24.5, clock=clock)
    monkeypatch.setattr(pace, "turn_s", lambda: 0.0)
    monkeypatch.setattr("billing_cli.adapters.stripe.pace.time.sleep", lambda s: setattr(clock, "now_s", clock() + s))
    moments = []
    for _ in range(60):
        pace.wait()
        moments.append(clock.now_s)
    assert moments[24] == 1000.0
    assert all(later - earlier >= 1 for earlier, later in zip(moments, moments[25:], strict=False))


def test_calls_of_many_events_are_no_fewer_in_flight_where_nobody_knows_a_limit() -> None:
    assert Pace(events_a_call=100).in_flight == Pace().in_flight == 124
    # A hundred calls a second at a tenth of a second each.
    assert Pace(10_000, events_a_call=100).in_flight == 16
