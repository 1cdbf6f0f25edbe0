"""Claims on hand: fetched from Postgres ahead of need, so that no sender waits for the database."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from billing_cli.domain.batch import MeterEvent

# A claim asks for a second of work or so, whatever the pace; few enough to be given back at once.
CLAIM_ITEMS = 500
_PARCELS_A_CLAIM = 25


class Claims:
    """Hands out claimed events in parcels; asks for more when half of a claim is left."""

    def __init__(self, claim: Callable[[int], Awaitable[list[MeterEvent]]], parcel_events: int) -> None:
        self._claim = claim
        self._parcel_events = parcel_events
        self._at_once = max(CLAIM_ITEMS, _PARCELS_A_CLAIM * parcel_events)
        self._events: deque[MeterEvent] = deque()
        self._changed = asyncio.Condition()
        self._exhausted = False
        self._closed = False

    async def fetch(self) -> None:
        """Claims until nothing is left to claim, or `close` is called."""
        try:
            while not self._closed and not self._exhausted:
                events = await self._claim(self._at_once)
                async with self._changed:
                    self._events.extend(events)
                    self._exhausted = not events
                    self._changed.notify_all()
                    await self._changed.wait_for(self._may_fetch)
        except BaseException:
            await self.close()
            raise

    def _may_fetch(self) -> bool:
        return self._closed or len(self._events) <= self._at_once // 2

    async def next_parcel(self) -> list[MeterEvent]:
        """Up to a parcel of events; empty when there will be no more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._exhausted or len(self._events) > 0)
            if self._closed:
                return []
            parcel = [self._events.popleft() for _ in range(min(self._parcel_events, len(self._events)))]
            if self._may_fetch():
                self._changed.notify_all()
            return parcel

    async def close(self) -> None:
        """Hands out nothing more, and lets nobody wait."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def give_back(self, parcel: list[MeterEvent]) -> None:
        """What was handed out and not tried."""
        self._events.extend(parcel)

    def leftovers(self) -> list[MeterEvent]:
        """What nobody took; afterwards there are none."""
        left = list(self._events)
        self._events.clear()
        return left
