"""How fast to send: as fast as Stripe takes it, and a little slower after it asked to slow down."""

import math
import threading
import time
from collections import deque

_LEAST_PER_S = 5.0
_SLOWED_TO = 0.9
_FASTER_PER_ACCEPTED = 0.05
_WINDOW_S = 1.0


class Pace:
    """Unlimited until the first 429; then the rate Stripe took in the last second, creeping up from there.

    With `most_per_s` it is never faster than that, and no second has more calls than that, rounded up.

    Used by several threads, or by one event loop.
    """

    def __init__(self, most_per_s: float | None = None) -> None:
        self._most_per_s = most_per_s
        self._per_s = most_per_s
        self._next_at = 0.0
        self._slowed_at = 0.0
        self._accepted_at: deque[float] = deque()
        self._begun_at: deque[float] = deque()
        self._lock = threading.Lock()

    def limit(self, most_per_s: float | None) -> None:
        """Never faster than that from now on."""
        with self._lock:
            if most_per_s != self._most_per_s:
                self._most_per_s = most_per_s
                self._per_s = most_per_s if self._per_s is None or most_per_s is None else min(self._per_s, most_per_s)

    def wait(self) -> None:
        """Takes the next turn and sleeps until it has come."""
        if (wait_s := self.turn_s()) > 0:
            time.sleep(wait_s)
        while (wait_s := self._crowded_s()) > 0:
            time.sleep(wait_s)

    def turn_s(self) -> float:
        """Takes the next turn; the seconds to wait for it."""
        with self._lock:
            if self._per_s is None:
                return 0.0
            now = time.monotonic()
            self._next_at = max(self._next_at, now)
            wait_s = self._next_at - now
            self._next_at += 1 / self._per_s
            return wait_s

    def accepted(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._accepted_at.append(now)
            _forget(self._accepted_at, now)
            if self._per_s is not None:
                faster = self._per_s + _FASTER_PER_ACCEPTED
                self._per_s = min(faster, self._most_per_s) if self._most_per_s else faster

    def refused(self) -> None:
        """Slows down, once for all the refusals that one overshoot brings about."""
        with self._lock:
            now = time.monotonic()
            if now - self._slowed_at < _WINDOW_S:
                return
            self._slowed_at = now
            _forget(self._accepted_at, now)
            taken_per_s = len(self._accepted_at) / _WINDOW_S
            self._per_s = max(_LEAST_PER_S, _SLOWED_TO * min(taken_per_s, self._per_s or taken_per_s))

    def _crowded_s(self) -> float:
        """Threads that wake late begin in a bunch: the seconds until one more is allowed, 0 where it begins now."""
        if self._most_per_s is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            _forget(self._begun_at, now)
            if len(self._begun_at) >= math.ceil(self._most_per_s):
                return self._begun_at[0] + _WINDOW_S - now
            self._begun_at.append(now)
            return 0.0


def _forget(moments: deque[float], now: float) -> None:
    while moments and now - moments[0] >= _WINDOW_S:
        moments.popleft()
