"""How fast to send: as fast as the key may, slower after Stripe asked for it, and back again by and by."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable

REASON_HEADER = "Stripe-Rate-Limited-Reason"

_WINDOW_S = 1.0
# Turns that came late are made up for within so much time: of 98 % of a budget, no second has more than all of it.
_SLACK_S = 0.02
# Half of that, so that a sleep which is rounded up to it loses no turn.
_GRAIN_S = 0.01
_LEAST_PER_S = 1.0
# The lowest and the highest limit that Stripe documents for calls to one endpoint.
_LOW_LIMIT_PER_S = 25.0
_HIGH_LIMIT_PER_S = 1000.0
_RECOVERY_S = 20.0
_FIRST_LATENCY_S = 0.1
_SMOOTHING = 0.05
_MOST_IN_FLIGHT = 500


class Pace:
    """Even turns at a rate, and the calls in flight that keep it up at the latency that is seen.

    Without `most_per_s` there is no limit until the first 429, which is then compared with what Stripe took in the
    second before. Rates are in events; a call carries up to `events_a_call` of them.

    Used by several threads, or by one event loop.
    """

    def __init__(
        self, most_per_s: float | None = None, events_a_call: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_per_s = most_per_s
        self._per_s = most_per_s
        self._events_a_call = events_a_call
        self._clock = clock
        self._next_at = -math.inf
        self._slowed_at = self._thinned_at = -math.inf
        self._regained_per_s = (most_per_s or 0.0) / _RECOVERY_S
        self._begun = _LastSecond()
        self._accepted = _LastSecond()
        self._began_at: float | None = None
        self._latency_s = _FIRST_LATENCY_S
        self._most_in_flight = float(_MOST_IN_FLIGHT)
        self._lock = threading.Lock()

    @property
    def per_s(self) -> float | None:
        """Events a second at present; None: as many as Stripe takes."""
        return self._per_s

    @property
    def in_flight(self) -> int:
        """How many calls to have under way: by Little's law, a fifth more for what varies, and a few at least."""
        calls_per_s = _HIGH_LIMIT_PER_S if self._per_s is None else self._per_s / self._events_a_call
        return int(max(1, min(math.ceil(1.2 * calls_per_s * self._latency_s) + 4, self._most_in_flight)))

    def limit(self, most_per_s: float | None) -> None:
        """Never faster than that from now on; a pace that was lowered stays lowered in proportion."""
        with self._lock:
            before, self._most_per_s = self._most_per_s, most_per_s
            if most_per_s is None:
                self._per_s = None if self._per_s == before else self._per_s
            elif before is None or self._per_s is None:
                self._per_s = most_per_s if self._per_s is None else min(self._per_s, most_per_s)
            else:
                self._per_s = min(most_per_s, self._per_s * most_per_s / before)
            if most_per_s is not None:
                self._regained_per_s = most_per_s / _RECOVERY_S

    def wait(self) -> None:
        """For a thread: takes the next turn and sleeps until it has come."""
        if (wait_s := self.turn_s()) > 0:
            time.sleep(wait_s)
        while (wait_s := self.crowded_s()) > 0:
            time.sleep(wait_s)

    async def wait_async(self, events: int) -> None:
        """For a task: takes the next turn and sleeps until it has come; may be cancelled meanwhile.

        Short sleeps are rounded up, so that the turns after it have come too: waking up costs more CPU than sending.
        """
        if (wait_s := self.turn_s(events)) > 0:
            await asyncio.sleep(max(wait_s, _GRAIN_S))
        while (wait_s := self.crowded_s(events)) > 0:
            await asyncio.sleep(wait_s)

    def turn_s(self, events: int = 1) -> float:
        """Takes the next turn; the seconds to wait for it."""
        with self._lock:
            now = self._clock()
            if self._began_at is None:
                self._began_at = now
            if self._per_s is None:
                return 0.0
            turn_s = events / self._per_s
            at = max(self._next_at, now - max(0.0, _SLACK_S - turn_s))
            self._next_at = at + turn_s
            return max(0.0, at - now)

    def crowded_s(self, events: int = 1) -> float:
        """Who wakes late begins in a bunch: the seconds until one more is allowed, 0 where it begins now."""
        if self._most_per_s is None:
            return 0.0
        with self._lock:
            now = self._clock()
            begun = self._begun.within(now)
            if begun and begun + events > math.ceil(self._most_per_s):
                return self._begun.oldest_at + _WINDOW_S - now
            self._begun.add(now, events)
            return 0.0

    def accepted(self, took_s: float, events: int = 1) -> None:
        """An answer that was no 429, after `took_s`: a little faster again, if it was slowed down before."""
        with self._lock:
            now = self._clock()
            self._accepted.add(now, events)
            self._latency_s += _SMOOTHING * (took_s - self._latency_s)
            if self._per_s is not None and self._per_s != self._most_per_s:
                faster = self._per_s + self._regained_per_s * events / self._per_s
                self._per_s = faster if self._most_per_s is None else min(faster, self._most_per_s)
            self._most_in_flight = min(_MOST_IN_FLIGHT, self._most_in_flight + 1 / self._most_in_flight)

    def refused(self, reason: str | None) -> None:
        """A 429, with its Stripe-Rate-Limited-Reason; once for all the refusals that one overshoot brings about.

        Without one it was most likely a lock, and `resource-specific` is one object's limit: both say nothing
        about the others, so it is enough that the caller waits before that call is made again.
        """
        with self._lock:
            now = self._clock()
            if reason in ("global-rate", "endpoint-rate") and now - self._slowed_at >= _WINDOW_S:
                self._slowed_at = now
                self._slow_down(now)
            if reason in ("global-concurrency", "endpoint-concurrency") and now - self._thinned_at >= _WINDOW_S:
                self._thinned_at = now
                self._most_in_flight = max(1.0, 0.7 * self.in_flight)

    def _slow_down(self, now: float) -> None:
        """To nine tenths of what was taken in the last second, but by no more than half at once."""
        known_s = min(_WINDOW_S, max(0.1, now - (self._began_at or now)))
        taken_per_s = self._accepted.within(now) / known_s
        before_per_s = self._per_s or max(taken_per_s, _LOW_LIMIT_PER_S)
        if self._most_per_s is None:
            self._regained_per_s = before_per_s / _RECOVERY_S
        slower = max(_LEAST_PER_S, before_per_s / 2, 0.9 * min(taken_per_s, before_per_s))
        self._per_s = min(slower, before_per_s)


class _LastSecond:
    """How many events there were within a second."""

    def __init__(self) -> None:
        self._moments: deque[tuple[float, int]] = deque()
        self._events = 0

    @property
    def oldest_at(self) -> float:
        return self._moments[0][0]

    def add(self, now: float, events: int) -> None:
        self._moments.append((now, events))
        self._events += events
        self.within(now)

    def within(self, now: float) -> int:
        while self._moments and now - self._moments[0][0] >= _WINDOW_S:
            self._events -= self._moments.popleft()[1]
        return self._events
