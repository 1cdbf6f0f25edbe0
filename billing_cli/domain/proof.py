"""Which events Stripe counted, told by its totals alone: the one answer that fits, or none."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

# Stripe adds up in floating point. Its error is far below this part of all that was added, and so are the
# differences that nobody can tell from it.
_ROUNDING = 10**12
# Halves of so many are searched in full: two times 4,096 sums.
_MOST_DOUBTS = 24
_EXACT = Context(prec=400)


@dataclass(frozen=True)
class Candidate:
    """An event that Stripe may have counted, with its own figure; `certain` where it is known that it did."""

    item_id: int
    value: Decimal
    certain: bool = False


def counted_in_sum(total: Decimal, candidates: Sequence[Candidate]) -> frozenset[int] | None:
    """The items that make up a total that adds up its events; None where it is not exactly one set of them.

    Of equal values nobody can tell which one was counted, unless all were or none.
    """
    figures = _Figures(total, candidates)
    doubts = [
        (each.item_id, figure) for each, figure in zip(candidates, figures.values, strict=True) if not each.certain
    ]
    chosen = _only_subset([figure for _, figure in doubts], figures.difference, figures.rounding)
    if chosen is None:
        return None
    counted = {doubts[index][0] for index in chosen}
    return frozenset(counted | {each.item_id for each in candidates if each.certain})


def counted_as_last(total: Decimal, candidates: Sequence[Candidate]) -> frozenset[int] | None:
    """The same where an event replaces those before it: the newest that was counted is the total.

    `candidates` are the oldest first. Those before the newest one that was counted are part of the answer:
    whether they were counted does not matter any more.
    """
    figures = _Figures(total, candidates)
    certain = max((index for index, each in enumerate(candidates) if each.certain), default=-1)
    # Where none was counted, the total is nothing.
    fitting = [-1] if certain == -1 and abs(figures.total) <= figures.rounding else []
    fitting += [
        index
        for index, figure in enumerate(figures.values)
        if index >= certain and abs(figure - figures.total) <= figures.rounding
    ]
    if len(fitting) != 1:
        return None
    return frozenset(each.item_id for each in candidates[: fitting[0] + 1])


def is_sum_of(total: Decimal, values: Iterable[Decimal]) -> bool:
    """Whether a total of Stripe's is the sum of these, as far as floating point tells."""
    figures = _Figures(total, [Candidate(0, value, certain=True) for value in values])
    return abs(figures.difference) <= figures.rounding


def is_more_than(total: Decimal, candidates: Sequence[Candidate]) -> bool:
    """Whether no set of these could add up to so much."""
    figures = _Figures(total, candidates)
    doubtful = (figure for each, figure in zip(candidates, figures.values, strict=True) if not each.certain)
    return figures.difference - sum(figure for figure in doubtful if figure > 0) > figures.rounding


class _Figures:
    """All figures as whole numbers of the smallest digit among them, so that nothing is rounded here."""

    def __init__(self, total: Decimal, candidates: Sequence[Candidate]) -> None:
        exponents = [int(value.as_tuple().exponent) for value in (total, *(each.value for each in candidates))]
        shift = -min(0, *exponents)
        self.total = _whole(total, shift)
        self.values = [_whole(each.value, shift) for each in candidates]
        self.rounding = (abs(self.total) + sum(map(abs, self.values))) // _ROUNDING
        certain = (figure for each, figure in zip(candidates, self.values, strict=True) if each.certain)
        self.difference = self.total - sum(certain)


def _whole(value: Decimal, shift: int) -> int:
    return int(value.scaleb(shift, _EXACT))


def _only_subset(values: Sequence[int], wanted: int, rounding: int) -> list[int] | None:
    """The indexes of the only subset that adds up to `wanted`; None if there is none, or another one."""
    if len(values) > _MOST_DOUBTS:
        return _all_or_none(values, wanted, rounding)
    half = len(values) // 2
    found: int | None = None
    right = sorted(_sums(values[half:]))
    for left_sum, left_chosen in _sums(values[:half]):
        rest = wanted - left_sum
        first = bisect_left(right, rest - rounding, key=lambda each: each[0])
        last = bisect_right(right, rest + rounding, key=lambda each: each[0])
        for _, right_chosen in right[first : min(last, first + 2)]:
            if found is not None:
                return None
            found = left_chosen | right_chosen << half
    return None if found is None else [index for index in range(len(values)) if found >> index & 1]


def _all_or_none(values: Sequence[int], wanted: int, rounding: int) -> list[int] | None:
    """Too many to search: where all have one sign, taking one away or adding one is seen at once."""
    same_sign = all(value > 0 for value in values) or all(value < 0 for value in values)
    if not same_sign or min(map(abs, values)) <= 2 * rounding:
        return None
    if abs(wanted) <= rounding:
        return []
    return list(range(len(values))) if abs(wanted - sum(values)) <= rounding else None


def _sums(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The sum of every subset, with the subset as a bit mask."""
    sums = [(0, 0)]
    for index, value in enumerate(values):
        sums += [(total + value, chosen | 1 << index) for total, chosen in sums]
    return iter(sums)
