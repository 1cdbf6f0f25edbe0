"""Claims on hand: how many are fetched, who waits behind whom, and what is given back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from billing_cli.domain.batch import MeterEvent
from billing_cli.usecases.claiming import FIRST_ITEMS, LEAST_ITEMS, Claims


def event(item_id: int, customer: str) -> MeterEvent:
    return MeterEvent(item_id, f"e{item_id}", "api_calls", "c", customer, "value", "1", 0, 1, False)


def source(events: list[MeterEvent], asked: list[int]) -> Callable[[int], Awaitable[list[MeterEvent]]]:
    async def claim(limit: int) -> list[MeterEvent]:
        asked.append(limit)
        taken, events[:] = events[:limit], events[limit:]
        return taken

    return claim


def test_events_of_one_customer_go_one_after_the_other_and_let_others_pass() -> None:
    async def scenario() -> list[list[int]]:
        events = [event(1, "a"), event(2, "a"), event(3, "b"), event(4, "a")]
        claims = Claims(source(events, []), 1, True, lambda: None)
        fetching = asyncio.create_task(claims.fetch())
        first, second = await claims.next_parcel(), await claims.next_parcel()
        third = asyncio.create_task(claims.next_parcel())
        await asyncio.sleep(0)
        assert not third.done()
        claims.done(first)
        parcels = [first, second, await third]
        claims.done(parcels[2])
        parcels.append(await claims.next_parcel())
        assert await claims.next_parcel() == []
        await fetching
        return [[each.item_id for each in parcel] for parcel in parcels]

    assert asyncio.run(scenario()) == [[1], [3], [2], [4]]


def test_unordered_events_fill_parcels() -> None:
    async def scenario() -> list[int]:
        claims = Claims(source([event(n, "a") for n in range(250)], []), 100, False, lambda: None)
        fetching = asyncio.create_task(claims.fetch())
        sizes = []
        while parcel := await claims.next_parcel():
            sizes.append(len(parcel))
        await fetching
        return sizes

    assert asyncio.run(scenario()) == [100, 100, 50]


@pytest.mark.parametrize(
    ("per_s", "parcel_events", "asked"),
    [(None, 1, FIRST_ITEMS), (24.0, 1, 24), (0.5, 1, LEAST_ITEMS), (980.0, 1, FIRST_ITEMS), (None, 100, 500)],
)
def test_the_first_claim_is_small(per_s: float | None, parcel_events: int, asked: int) -> None:
    async def scenario() -> list[int]:
        limits: list[int] = []
        claims = Claims(source([event(n, f"c{n}") for n in range(2000)], limits), parcel_events, True, lambda: per_s)
        fetching = asyncio.create_task(claims.fetch())
        await claims.next_parcel()
        claims.close()
        await fetching
        return limits

    assert asyncio.run(scenario()) == [asked]


@pytest.mark.parametrize(("seconds_each", "asked"), [(0.0005, [50, 100, 200, 400, 500]), (0.02, [50, 50, 50, 50, 50])])
def test_later_claims_are_a_second_of_work_at_the_pace_that_is_seen(seconds_each: float, asked: list[int]) -> None:
    async def scenario() -> list[int]:
        limits: list[int] = []
        now_s = 0.0
        claims = Claims(
            source([event(n, f"c{n}") for n in range(3000)], limits), 1, True, lambda: None, clock=lambda: now_s
        )
        fetching = asyncio.create_task(claims.fetch())
        while len(limits) < len(asked):
            claims.done(await claims.next_parcel())
            now_s += seconds_each
            await asyncio.sleep(0)
        claims.close()
        await fetching
        return limits

    assert asyncio.run(scenario()) == asked


def test_what_nobody_took_and_what_was_given_back_is_left_over() -> None:
    async def scenario() -> list[int]:
        claims = Claims(source([event(n, "a") for n in range(5)], []), 1, True, lambda: None)
        fetching = asyncio.create_task(claims.fetch())
        taken = await claims.next_parcel()
        waiting = asyncio.create_task(claims.next_parcel())
        await asyncio.sleep(0)
        claims.give_back(taken)
        claims.close()
        assert await waiting == []
        await fetching
        return sorted(each.item_id for each in claims.leftovers())

    assert asyncio.run(scenario()) == [0, 1, 2, 3, 4]
