"""What is kept by customer and hour says the same as going through all events."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing_cli.sandbox.simulator.usage import HOUR_S, Usage

BASE = 500_000 * HOUR_S
second = st.integers(BASE, BASE + 3 * HOUR_S)
# (customer, timestamp, value, whether it was cancelled in the end); one arrives a second, and so does a cancellation.
events = st.lists(
    st.tuples(st.sampled_from(["cus_1", "cus_2"]), second, st.integers(-9, 9), st.booleans()), min_size=1, max_size=30
)


def usage_of(rows: list[tuple[str, int, int, bool]]) -> Usage:
    usage = Usage()
    for number, (customer, timestamp, value, _) in enumerate(rows):
        usage.add([(str(number), "calls", customer, str(value), timestamp)], number)
    for number, row in enumerate(rows):
        if row[-1]:
            usage.cancel(str(number), len(rows) + number)
    return usage


@given(events, second, st.integers(1, 4 * HOUR_S), st.data())
def test_a_look_back_finds_what_had_been_received_and_not_cancelled(
    rows: list[tuple[str, int, int, bool]], start: int, length: int, data: st.DataObject
) -> None:
    usage = usage_of(rows)
    until_s = data.draw(st.integers(0, 2 * len(rows)))
    expected = [
        number
        for number, (customer, timestamp, _, cancelled) in enumerate(rows)
        if customer == "cus_1"
        and start <= timestamp < start + length
        and number <= until_s
        and not (cancelled and len(rows) + number <= until_s)
    ]
    seen = usage.seen("calls", "cus_1", start, start + length, until_s)
    assert sorted(int(event.identifier) for event in seen) == expected


@given(events)
def test_totals_are_those_of_the_events_that_are_left(rows: list[tuple[str, int, int, bool]]) -> None:
    usage = usage_of(rows)
    left = [row[2] for row in rows if not row[-1]]
    assert sum(usage.totals.values()) == Decimal(sum(left))
    assert usage.accepted == len(left) == len(list(usage.events()))
