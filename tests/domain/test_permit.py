"""A permit ends by whichever clock comes first, and never comes back."""

import time

import pytest

from billing_cli.adapters import clock
from billing_cli.domain.permit import Permit, PermitExpired


class Clocks:
    def __init__(self) -> None:
        self.readings = [0.0, 1000.0]

    def __call__(self) -> tuple[float, ...]:
        return tuple(self.readings)


def renewed(clocks: Clocks, lasts_s: float = 45) -> Permit:
    permit = Permit(clocks)
    permit.renew(permit.now(), lasts_s)
    return permit


def test_without_a_claim_there_is_none() -> None:
    with pytest.raises(PermitExpired):
        Permit(Clocks()).check()


@pytest.mark.parametrize("which", [0, 1], ids=["awake", "wall"])
def test_it_ends_by_either_clock(which: int) -> None:
    """A paused virtual machine may have only its wall clock set; a wall clock set back leaves the other."""
    clocks = Clocks()
    permit = renewed(clocks)
    clocks.readings[which] += 44
    permit.check()
    clocks.readings[which] += 1
    with pytest.raises(PermitExpired, match="stopped sending"):
        permit.check()


def test_a_wall_clock_that_is_set_back_does_not_prolong_it() -> None:
    clocks = Clocks()
    permit = renewed(clocks)
    clocks.readings = [45.0, -50_000.0]
    assert not permit.is_valid()


def test_it_counts_from_before_the_database_was_asked() -> None:
    clocks = Clocks()
    permit = Permit(clocks)
    asked_at = permit.now()
    clocks.readings[0] += 50
    permit.renew(asked_at, 45)
    assert not permit.is_valid()


def test_once_found_expired_it_is_not_renewed() -> None:
    clocks = Clocks()
    permit = renewed(clocks)
    clocks.readings[0] += 60
    assert not permit.is_valid()
    permit.renew(permit.now(), 45)
    assert not permit.is_valid()


def test_a_renewal_in_time_moves_the_deadline() -> None:
    clocks = Clocks()
    permit = renewed(clocks)
    clocks.readings[0] += 40
    permit.renew(permit.now(), 45)
    clocks.readings[0] += 40
    permit.check()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux has it")
def test_the_clock_is_the_one_that_goes_on_in_suspend() -> None:
    before, now_s, after = (read() for read in (_boot_time_s, clock.now_s, _boot_time_s))
    assert before <= now_s <= after
    assert clock.readings()[0] >= now_s


def _boot_time_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
