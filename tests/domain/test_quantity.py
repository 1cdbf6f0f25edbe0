"""Exact sums, whatever the order and however far apart the sizes."""

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.domain.quantity import exact_sum, plain

digits = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**100), max_value=10**100)


@settings(deadline=None)
@given(
    st.lists(digits.filter(lambda d: d == 0 or d.adjusted() > -100)).flatmap(
        lambda v: st.tuples(st.just(v), st.permutations(v))
    )
)
def test_the_order_of_a_sum_is_of_no_matter(both: tuple[list[Decimal], list[Decimal]]) -> None:
    values, shuffled = both
    assert exact_sum(values) == exact_sum(shuffled)
    assert Fraction(exact_sum(values)) == sum(map(Fraction, values), Fraction(0))


def test_a_tenth_ten_times_is_one() -> None:
    assert plain(exact_sum([Decimal("0.1")] * 10)) == "1"


def test_the_callers_own_precision_plays_no_part() -> None:
    with localcontext() as context:
        context.prec = 3
        assert plain(exact_sum([Decimal("123456789"), Decimal("0.123456789")])) == "123456789.123456789"


def test_a_digit_that_does_not_fit_raises_rather_than_being_lost() -> None:
    with pytest.raises(Inexact):
        exact_sum([Decimal("1e300"), Decimal("1e-300")])


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("1E+3", "1000"),
        ("0.2500", "0.25"),
        ("-0.0", "0"),
        ("-3.000", "-3"),
        ("1E-15", "0.000000000000001"),
        ("100", "100"),
    ],
)
def test_plain_digits(quantity: str, text: str) -> None:
    assert plain(Decimal(quantity)) == text
