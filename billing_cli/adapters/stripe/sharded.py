"""Reads a list of Stripe's over a window of time, several pages at a time.

Cursors are serial, so the window is read in ranges side by side: a range is halved whenever a worker is idle, so
that a busy hour is shared out like a quiet week. Ranges are half-open and cut at whole seconds; no object is in two.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing_cli.adapters.stripe.reading import PAGE

_WORKERS = 8

Get = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Sink = Callable[[Sequence[dict[str, Any]]], None]


@dataclass(frozen=True)
class _Range:
    """[start_s, end_s); with `after`, only what is older than that object."""

    start_s: int
    end_s: int
    after: str | None = None


def read_sharded(get: Get, since: datetime, until: datetime, sink: Sink) -> None:
    """Gives every object created in [since, until) to `sink`, a page at a time, one page at once.

    `get` asks for one page with the parameters it is given. Objects of one second come newest first, like Stripe's.
    """
    ranges = _Ranges(_Range(int(since.astimezone(UTC).timestamp()), -int(-until.astimezone(UTC).timestamp() // 1)))
    lock = threading.Lock()

    def work() -> None:
        with ranges.stopped_by_failure():
            while (each := ranges.take()) is not None:
                page = get(_parameters(each))
                with lock:
                    sink(page["data"])
                ranges.done(_rest(each, page))

    # Ctrl-C arrives here, while the others read.
    with ThreadPoolExecutor(_WORKERS) as pool, ranges.stopped_by_failure():
        for worker in [pool.submit(work) for _ in range(_WORKERS)]:
            worker.result()


def _parameters(each: _Range) -> dict[str, Any]:
    created = {"gte": each.start_s, "lt": each.end_s}
    return {"limit": PAGE, "created": created} | ({"starting_after": each.after} if each.after else {})


def _rest(each: _Range, page: Mapping[str, Any]) -> _Range | None:
    """What is still to be read of a range after its newest page."""
    if not page["has_more"] or not page["data"]:
        return None
    last = page["data"][-1]
    return _Range(each.start_s, min(each.end_s, int(last["created"]) + 1), last["id"])


class _Ranges:
    """What is left to read, shared by the workers."""

    def __init__(self, whole: _Range) -> None:
        self._waiting: deque[_Range] = deque([whole] if whole.end_s > whole.start_s else [])
        self._busy = 0
        self._stopped = False
        self._changed = threading.Condition()

    def take(self) -> _Range | None:
        """The next range; waits while others may leave some over. None when all is read."""
        with self._changed:
            while not self._waiting and self._busy and not self._stopped:
                self._changed.wait()
            if self._stopped or not self._waiting:
                return None
            self._busy += 1
            return self._waiting.popleft()

    def done(self, rest: _Range | None) -> None:
        """Puts back what is left of a range, in halves where somebody is idle."""
        with self._changed:
            self._busy -= 1
            if rest is not None:
                idle = self._busy + len(self._waiting) + 1 < _WORKERS
                self._waiting.extend(_halves(rest) if idle else [rest])
            self._changed.notify_all()

    @contextmanager
    def stopped_by_failure(self) -> Iterator[None]:
        """What goes wrong in here stops every worker after its page."""
        try:
            yield
        except BaseException:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            raise


def _halves(each: _Range) -> list[_Range]:
    """The newer half goes on behind its cursor; the older half begins anew."""
    middle_s = (each.start_s + each.end_s) // 2
    # The last second belongs to the cursor alone.
    if middle_s <= each.start_s or middle_s >= each.end_s - 1:
        return [each]
    return [_Range(middle_s, each.end_s, each.after), _Range(each.start_s, middle_s)]
