"""Instants as version 2 writes them."""

import time
from datetime import datetime
from functools import lru_cache


def iso(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_s)) + f".{int(at_s % 1 * 1000):03d}Z"


# Usage comes by the hour, so that a few texts stand for millions of events.
@lru_cache(maxsize=100_000)
def epoch_s(text: str) -> float:
    """Raises ValueError where `text` is no instant, or does not say in which zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no zone")
    return instant.timestamp()
