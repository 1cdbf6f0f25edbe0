"""Laws that hold for every input: exact quantities, whole windows, stable digests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput
from billing_cli.domain.period import PERIODS, window_from_bounds, window_from_period
from billing_cli.domain.plan import digest_of
from billing_cli.domain.quantity import exact_sum, plain

quantities = st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**30), max_value=10**30)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))
TEST = StripeIdentity("acct_1", False, False)


@given(st.lists(quantities))
def test_sums_lose_no_digit(values: list[Decimal]) -> None:
    assert Fraction(exact_sum(values)) == sum(map(Fraction, values), Fraction(0))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60))
def test_plain_text_is_the_same_number_without_an_exponent(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert text != "-0"


@given(st.sampled_from(sorted(PERIODS)), instants)
def test_periods_are_whole_hours_of_the_past(name: str, now: datetime) -> None:
    try:
        window = window_from_period(name, now)
    except BadInput:
        assert name in ("today", "month-to-date")
        return
    for edge in (window.start, window.end):
        assert (edge.minute, edge.second, edge.microsecond) == (0, 0, 0)
    assert window.start < window.end <= now


@given(st.dates(datetime(2021, 1, 1).date(), datetime(2034, 1, 1).date()), st.integers(0, 400))
def test_a_bare_end_includes_its_day(day: object, days: int) -> None:
    start = datetime.fromisoformat(str(day)).replace(tzinfo=UTC)
    end = start + timedelta(days=days)
    window = window_from_bounds(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}", end + timedelta(days=1))
    assert (window.start, window.end) == (start, end + timedelta(days=1))


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-02-30", "2026-03-01", "not a date"),
        ("yesterday", "2026-03-01", "not a date"),
        ("2026-03-02", "2026-03-01", "not after"),
        ("2026-03-01T00:30Z", "2026-03-02", "full UTC hour"),
        ("2026-03-01", "2026-03-10", "future"),
        ("2026-03-01T01:00+01:00", "2026-03-01T00:00Z", "not after"),
    ],
)
def test_impossible_windows_are_refused(start: str, end: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        window_from_bounds(start, end, datetime(2026, 3, 10, 12, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("yesterday", "2028-02-29T00", "2028-03-01T00"),
        ("today", "2028-03-01T00", "2028-03-01T02"),
        ("last-hour", "2028-03-01T01", "2028-03-01T02"),
        ("last-month", "2028-02-01T00", "2028-03-01T00"),
        ("month-to-date", "2028-03-01T00", "2028-03-01T02"),
    ],
)
def test_periods_after_a_leap_day(name: str, start: str, end: str) -> None:
    window = window_from_period(name, datetime(2028, 3, 1, 2, 59, 59, tzinfo=UTC))
    assert (f"{window.start:%Y-%m-%dT%H}", f"{window.end:%Y-%m-%dT%H}") == (start, end)


def test_a_digest_names_command_account_mode_and_every_change() -> None:
    digests = {
        digest_of("export", TEST, {"a": 1}),
        digest_of("refund", TEST, {"a": 1}),
        digest_of("export", StripeIdentity("acct_2", False, False), {"a": 1}),
        digest_of("export", StripeIdentity("acct_1", True, False), {"a": 1}),
        digest_of("export", TEST, {"a": 2}),
    }
    assert len(digests) == 5
    assert digest_of("export", TEST, {"a": 1, "b": 2}) == digest_of("export", TEST, {"b": 2, "a": 1})
