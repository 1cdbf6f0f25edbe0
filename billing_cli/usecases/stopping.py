"""Stopping in order: what is in flight ends, nothing new begins."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM calls `stop`; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = [signal.getsignal(number) for number in numbers]

    def restore() -> None:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        restore()

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
