"""How fast calls begin, on a clock that the test moves."""

import pytest

from billing_cli.adapters.stripe import pace as module
from billing_cli.adapters.stripe.pace import Pace


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def begun(pace: Pace, clock: Clock, calls: int) -> list[float]:
    moments = []
    for _ in range(calls):
        pace.wait()
        moments.append(clock.now_s)
    return moments


def test_calls_are_spread_evenly_at_the_most_that_is_allowed(clock: Clock) -> None:
    moments = begun(Pace(24.5), clock, 50)
    assert moments[-1] - moments[0] == pytest.approx(49 / 24.5)


def test_no_second_has_more_calls_however_late_the_threads_wake(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stood still, and the turns of all are over at once."""
    monkeypatch.setattr(Pace, "turn_s", lambda pace: 0.0)
    moments = begun(Pace(24.5), clock, 60)
    assert moments[24] == 1_000.0
    assert all(later - earlier >= 1 for earlier, later in zip(moments, moments[25:], strict=False))


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    assert set(begun(Pace(), clock, 100)) == {1_000.0}


def test_a_refusal_slows_down_below_what_was_taken(clock: Clock) -> None:
    pace = Pace(24.5)
    for _ in begun(pace, clock, 20):
        pace.accepted()
    pace.refused()
    moments = begun(pace, clock, 11)[1:]
    assert 10 / (moments[-1] - moments[0] + 1e-9) < 24.5 * 0.95
