"""Windows at the edges: of months and years, of hours, and of the calendar."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.domain.errors import BadInput
from billing_cli.domain.period import chosen_window, window_from_bounds, window_from_period

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
hours = st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 1)).map(lambda d: d.replace(second=0, microsecond=0))
texts = st.one_of(hours.map(lambda d: d.isoformat() + "Z"), hours.map(lambda d: d.date().isoformat()), st.text())


@settings(deadline=None)
@given(texts, texts)
def test_every_window_is_of_whole_hours_that_are_over_or_refused_in_a_sentence(start: str, end: str) -> None:
    try:
        window = window_from_bounds(start, end, NOW)
    except BadInput as error:
        assert error.message.endswith(".")
        return
    assert window.start < window.end <= NOW.replace(minute=0)
    for edge in (window.start, window.end):
        assert edge.utcoffset() == timedelta(0)
        assert (edge.minute, edge.second, edge.microsecond) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "now", "start", "end"),
    [
        ("outstanding", "2027-01-01T00:00", "2026-11-27T02", "2027-01-01T00"),
        ("outstanding", "2027-01-01T00:59", "2026-11-27T02", "2027-01-01T00"),
        ("yesterday", "2027-01-01T00:00", "2026-12-31T00", "2027-01-01T00"),
        ("last-month", "2027-01-31T23:59", "2026-12-01T00", "2027-01-01T00"),
        ("last-month", "2027-03-31T12:00", "2027-02-01T00", "2027-03-01T00"),
        ("last-hour", "2027-01-01T00:59", "2026-12-31T23", "2027-01-01T00"),
        ("month-to-date", "2026-12-31T23:00", "2026-12-01T00", "2026-12-31T23"),
        ("month-to-date", "2028-02-29T23:59", "2028-02-01T00", "2028-02-29T23"),
        ("today", "2028-02-29T01:00", "2028-02-29T00", "2028-02-29T01"),
    ],
)
def test_periods_over_the_edges(name: str, now: str, start: str, end: str) -> None:
    window = window_from_period(name, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (f"{window.start:%Y-%m-%dT%H}", f"{window.end:%Y-%m-%dT%H}") == (start, end)


def test_a_periods_clock_may_be_in_any_time_zone() -> None:
    tokyo = datetime(2027, 1, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert window_from_period("yesterday", tokyo) == window_from_period("yesterday", tokyo.astimezone(UTC))
    assert window_from_period("yesterday", tokyo).start.date() == date(2026, 12, 30)


@pytest.mark.parametrize(("name", "now"), [("today", "2026-05-02T00:59"), ("month-to-date", "2026-05-01T00:00")])
def test_a_period_without_a_full_hour_is_refused(name: str, now: str) -> None:
    with pytest.raises(BadInput, match="No full hour"):
        window_from_period(name, datetime.fromisoformat(now).replace(tzinfo=UTC))


def test_an_unknown_period_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="'fortnight'") as caught:
        window_from_period("fortnight", NOW)
    assert "yesterday" in caught.value.next_step


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-02-29", "2027-03-01"),
        ("2026-04-31", "2026-05-01"),
        ("2026-13-01", "2026-13-02"),
        ("2026-03-01", "9999-12-31"),
        ("0001-01-01T00:00+14:00", "2026-03-01"),
        ("2026-03-01", "9999-12-31T23:00-05:00"),
        ("", ""),
        ("2026-03-01", "2026-03-01T00:30Z"),
        ("2026-03-01T00:00+05:30", "2026-03-02"),
        ("2026-03-01", "2026-03-10"),
        ("2026-03-10T12:00Z", "2026-03-10T13:00Z"),
    ],
)
def test_impossible_bounds_are_bad_input(start: str, end: str) -> None:
    with pytest.raises(BadInput):
        window_from_bounds(start, end, NOW)


@pytest.mark.parametrize(
    ("start", "now", "advised"),
    [
        ("2026-03-01", NOW, ["2026-03-09", "2026-03-10T12:00Z"]),
        ("2026-03-10", NOW, ["2026-03-10T12:00Z"]),
        ("2026-03-09", datetime(2026, 3, 10, 0, 59, tzinfo=UTC), ["2026-03-09"]),
        ("2026-03-10T12:00Z", NOW, []),
        ("2026-04-01", NOW, []),
    ],
)
def test_ends_that_are_over_are_advised(start: str, now: datetime, advised: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        window_from_bounds(start, "2026-04-01", now)
    assert re.findall(r"\d[\d-]+(?:T[\d:]+Z)?", refused.value.next_step) == advised
    assert ("Wait" in refused.value.next_step) == (not advised)
    for end in advised:
        assert window_from_bounds(start, end, now).end <= now


def test_a_bare_leap_day_is_included() -> None:
    window = window_from_bounds("2028-02-29", "2028-02-29", datetime(2028, 3, 1, tzinfo=UTC))
    assert window.end - window.start == timedelta(days=1)
    assert window.start == datetime.combine(date(2028, 2, 29), time(), UTC)


def test_the_hour_that_runs_is_not_over() -> None:
    assert window_from_bounds("2026-03-10", "2026-03-10T12:00Z", NOW).end == NOW.replace(minute=0)


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [(None, None, None), ("2026-03-01", None, None), (None, "2026-03-01", None), ("2026-03-01", None, "yesterday"),
     ("2026-03-01", "2026-03-02", "yesterday")],
)  # fmt: skip
def test_a_window_has_a_name_or_both_bounds(start: str | None, end: str | None, period: str | None) -> None:
    with pytest.raises(BadInput, match="either --period, or both"):
        chosen_window(start, end, period, NOW)
    assert chosen_window(None, None, "yesterday", NOW) == window_from_period("yesterday", NOW)
    assert chosen_window("2026-03-01", "2026-03-02", None, NOW) == window_from_bounds("2026-03-01", "2026-03-02", NOW)
