"""Numbers as people read them: no digit lost, and bars that never lie about the highest."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.render.numbers import grouped, hours_left, sparkline

quantities = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@settings(deadline=None)
@given(quantities)
def test_grouping_loses_no_digit(quantity: Decimal) -> None:
    text = grouped(quantity)
    assert Decimal(text.replace(",", "")) == quantity
    assert all(len(group) == 3 for group in text.split(".")[0].split(",")[1:])


@pytest.mark.parametrize(
    ("quantity", "text"),
    [("1234567.250", "1,234,567.25"), ("-1234.5", "-1,234.5"), ("1E+6", "1,000,000"), ("-0", "0"), ("-0.5", "-0.5")],
)
def test_grouping(quantity: str, text: str) -> None:
    assert grouped(Decimal(quantity)) == text


@settings(deadline=None)
@given(st.lists(quantities, max_size=30))
def test_a_bar_a_value_and_the_highest_is_full(values: list[Decimal]) -> None:
    bars = sparkline(values)
    assert len(bars) == len(values)
    assert set(bars) <= set("▁▂▃▄▅▆▇█")
    if values and max(values) > 0:
        assert bars[values.index(max(values))] == "█"
        assert all(bar == "▁" for bar, value in zip(bars, values, strict=True) if value <= 0)


def test_sparklines() -> None:
    assert sparkline([Decimal(n) for n in (0, 1, 2, 3, 4, 5, 6, 7)]) == "▁▂▃▄▅▆▇█"
    assert sparkline([Decimal(0), Decimal(-3)]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "over"), (-5, "over"), (59, "0 h 00 m"), (86_399, "23 h 59 m")]
)
def test_hours_left(seconds: int | None, text: str) -> None:
    assert hours_left(seconds) == text
