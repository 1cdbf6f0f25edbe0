"""Laws of the proof: it never contradicts what happened, and never guesses."""

import random
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.proof import Candidate, counted_as_last, counted_in_sum, is_more_than, is_sum_of

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=4).filter(bool)
small = st.sampled_from([Decimal(text) for text in ("1", "1", "2", "3", "0.1", "0.2", "0.3", "-1", "0")])
events = st.lists(st.tuples(amounts | small, st.sampled_from(["certain", "counted", "lost"])), max_size=14)


def as_stripe_adds(values: list[Decimal], seed: int = 0) -> Decimal:
    """In floating point, in any order."""
    random.Random(seed).shuffle(values)
    total = 0.0
    for value in values:
        total += float(value)
    return Decimal(str(total))


def candidates(found: list[tuple[Decimal, str]]) -> list[Candidate]:
    return [Candidate(number, value, fate == "certain") for number, (value, fate) in enumerate(found)]


@given(events, st.integers(0, 9))
def test_a_sum_never_contradicts_what_was_counted(found: list[tuple[Decimal, str]], seed: int) -> None:
    total = as_stripe_adds([value for value, fate in found if fate != "lost"], seed)
    counted = counted_in_sum(total, candidates(found))
    assert counted in (None, frozenset(number for number, (_, fate) in enumerate(found) if fate != "lost"))
    assert not is_more_than(total, candidates(found))


@given(st.lists(st.integers(-9, 9), max_size=8), st.integers(-30, 30))
def test_an_answer_is_given_exactly_where_one_subset_fits(values: list[int], total: int) -> None:
    fitting = [
        chosen
        for size in range(len(values) + 1)
        for chosen in combinations(range(len(values)), size)
        if sum(values[index] for index in chosen) == total
    ]
    counted = counted_in_sum(Decimal(total), [Candidate(n, Decimal(value)) for n, value in enumerate(values)])
    assert counted == (frozenset(fitting[0]) if len(fitting) == 1 else None)


@given(st.lists(st.integers(1, 99), min_size=25, max_size=60), st.data())
def test_many_are_told_where_all_or_none_were_counted(values: list[int], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(values) - 1)))
    found = [Candidate(number, Decimal(value)) for number, value in enumerate(values)]
    assert counted_in_sum(Decimal(sum(values)), found) == frozenset(range(len(values)))
    assert counted_in_sum(Decimal(0), found) == frozenset()
    some = counted_in_sum(Decimal(sum(values[index] for index in chosen)), found)
    assert some in (None, frozenset(chosen))


@given(st.lists(st.tuples(small | amounts, st.booleans()), min_size=1, max_size=8), st.integers(0, 8))
def test_the_last_value_never_contradicts_what_was_counted(found: list[tuple[Decimal, bool]], certain: int) -> None:
    """The newest that was counted is the total; of those before it nothing is said."""
    counted = [number for number, (_, was) in enumerate(found) if was]
    total = Decimal(str(float(found[counted[-1]][0]))) if counted else Decimal(0)
    given_ones = [Candidate(n, value, was and n <= certain) for n, (value, was) in enumerate(found)]
    told = counted_as_last(total, given_ones)
    assert told in (None, frozenset(range(counted[-1] + 1 if counted else 0)))


@given(st.lists(amounts.map(abs), max_size=9), st.integers(1, 10**9).map(Decimal), st.integers(0, 9))
def test_more_than_was_sent_is_seen_and_given_to_nobody(values: list[Decimal], more: Decimal, seed: int) -> None:
    found = [Candidate(number, value) for number, value in enumerate(values)]
    total = as_stripe_adds([*values, more], seed)
    assert is_more_than(total, found)
    assert counted_in_sum(total, found) is None


@pytest.mark.parametrize(
    ("total", "values", "counted"),
    [
        ("5", ["5", "5"], None),
        ("10", ["5", "5"], {0, 1}),
        ("0", ["5", "5"], set()),
        ("3", ["1", "2", "3"], None),
        ("0.30000000000000004", ["0.1", "0.2", "0.7"], {0, 1}),
        # Below what floating point tells beside the rest: with and without it are one total.
        ("1000000000000", ["1000000000000", "0.000001"], None),
        ("7", ["5"], None),
        ("0", ["0"], None),
        ("0", [], set()),
    ],
)
def test_known_sums(total: str, values: list[str], counted: set[int] | None) -> None:
    found = [Candidate(number, Decimal(value)) for number, value in enumerate(values)]
    assert counted_in_sum(Decimal(total), found) == counted


@pytest.mark.parametrize(
    ("total", "values", "counted"),
    [
        ("7", ["5", "7"], {0, 1}),
        ("5", ["5", "7"], {0}),
        ("5", ["5", "4", "5"], None),
        ("0", ["5", "7"], set()),
        ("0", ["5", "0"], None),
        ("6", ["5", "7"], None),
    ],
)
def test_known_last_values(total: str, values: list[str], counted: set[int] | None) -> None:
    found = [Candidate(number, Decimal(value)) for number, value in enumerate(values)]
    assert counted_as_last(Decimal(total), found) == counted


def test_what_is_certain_is_not_in_doubt() -> None:
    assert counted_in_sum(Decimal(5), [Candidate(1, Decimal(5), certain=True), Candidate(2, Decimal(5))]) == frozenset(
        [1]
    )
    assert counted_in_sum(Decimal(4), [Candidate(1, Decimal(5), certain=True), Candidate(2, Decimal(2))]) is None
    newer_is_certain = [Candidate(1, Decimal(5)), Candidate(2, Decimal(7), certain=True)]
    assert counted_as_last(Decimal(5), newer_is_certain) is None


@given(st.lists(amounts | small, max_size=30), st.integers(0, 9))
def test_a_sum_is_recognised_whatever_order_it_was_added_in(values: list[Decimal], seed: int) -> None:
    assert is_sum_of(as_stripe_adds(list(values), seed), values)
    assert not is_sum_of(as_stripe_adds([*values, Decimal(10**6)], seed), values)
