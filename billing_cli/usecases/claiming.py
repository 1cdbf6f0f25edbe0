"""Claims on hand: fetched from Postgres ahead of need, so that no sender waits for the database."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import chain

from billing_cli.domain.batch import MeterEvent

# A claim asks for a second of work at the pace that is seen: few enough for others, or to be given back at once.
MOST_ITEMS, MOST_PARCELS = 500, 25
FIRST_ITEMS, FIRST_PARCELS = 50, 5
LEAST_ITEMS = 10

Lane = tuple[str, str]


class Claims:
    """Hands out claimed events in parcels; asks for more when half of a claim is left.

    With `ordered`, an event waits behind the one before it of the same customer and meter, and lets others pass.
    Everything runs in one event loop, and between two awaits nobody else touches it.
    """

    def __init__(
        self,
        claim: Callable[[int], Awaitable[list[MeterEvent]]],
        parcel_events: int,
        ordered: bool,
        per_s: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claim = claim
        self._parcel_events = parcel_events
        self._ordered = ordered
        self._per_s = per_s
        self._clock = clock
        self._at_once = self._sized(max(FIRST_ITEMS, FIRST_PARCELS * parcel_events))
        self._handed_out = 0
        self._free: deque[MeterEvent] = deque()
        # Lanes in which an event is under way, and what waits behind them.
        self._busy: set[Lane] = set()
        self._behind: defaultdict[Lane, deque[MeterEvent]] = defaultdict(deque)
        self._waiting = 0
        self._more = asyncio.Event()
        self._fewer = asyncio.Event()
        self._exhausted = self._closed = False

    async def fetch(self) -> None:
        """Claims until nothing is left to claim, or `close` is called."""
        try:
            while not self._closed and not self._exhausted:
                asked_at, self._handed_out = self._clock(), 0
                events = await self._claim(self._at_once)
                self._free.extend(events)
                self._exhausted = not events
                self._more.set()
                while not self._closed and self.on_hand > self._at_once // 2:
                    self._fewer.clear()
                    await self._fewer.wait()
                seen_per_s = self._handed_out / max(0.001, self._clock() - asked_at)
                self._at_once = self._sized(min(round(seen_per_s), 2 * self._at_once))
        except BaseException:
            self.close()
            raise

    async def next_parcel(self) -> list[MeterEvent]:
        """Up to a parcel of events; empty when there will be no more."""
        while not self._closed:
            if parcel := self._take():
                self._handed_out += len(parcel)
                self._fewer.set()
                return parcel
            if self._exhausted and not self.on_hand:
                break
            self._more.clear()
            await self._more.wait()
        return []

    def done(self, parcel: list[MeterEvent]) -> None:
        """What was handed out has an answer: the next of its lanes may go."""
        for event in parcel if self._ordered else ():
            self._busy.discard(event.lane)
            if behind := self._behind.get(event.lane):
                self._free.appendleft(behind.popleft())
                self._waiting -= 1
        self._more.set()

    def close(self) -> None:
        """Hands out nothing more, and lets nobody wait."""
        self._closed = True
        self._more.set()
        self._fewer.set()

    def give_back(self, parcel: list[MeterEvent]) -> None:
        """What was handed out and not tried."""
        self._free.extend(parcel)

    def leftovers(self) -> list[MeterEvent]:
        """What nobody took; afterwards there are none."""
        left = [*self._free, *chain(*self._behind.values())]
        self._free.clear()
        self._behind.clear()
        self._waiting = 0
        return left

    def _sized(self, items: int) -> int:
        """Within bounds, and no more than a second of what the sender may send."""
        most = max(MOST_ITEMS, MOST_PARCELS * self._parcel_events)
        per_s = self._per_s()
        wanted = items if per_s is None else min(items, int(per_s))
        return min(most, max(LEAST_ITEMS, self._parcel_events, wanted))

    @property
    def on_hand(self) -> int:
        """Claimed events that were not handed out."""
        return len(self._free) + self._waiting

    def _take(self) -> list[MeterEvent]:
        parcel: list[MeterEvent] = []
        with suppress(IndexError):  # no more that are free
            while len(parcel) < self._parcel_events:
                event = self._free.popleft()
                if self._ordered:
                    if event.lane in self._busy:
                        self._behind[event.lane].append(event)
                        self._waiting += 1
                        continue
                    self._busy.add(event.lane)
                parcel.append(event)
        return parcel
