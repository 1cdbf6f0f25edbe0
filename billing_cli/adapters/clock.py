"""Clocks by which permits end.

`CLOCK_BOOTTIME` (Linux) goes on while the machine is suspended; `CLOCK_MONOTONIC` and so `time.monotonic` do not.
On macOS `time.monotonic` stands still too, and `CLOCK_MONOTONIC_RAW` goes on. A virtual machine that its host pauses
may have neither; the wall clock, which the host or NTP sets afterwards, is the second reading.
"""

import sys
import time

_SLEEPLESS = (
    time.CLOCK_BOOTTIME
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.CLOCK_MONOTONIC_RAW
    if sys.platform == "darwin"
    else time.CLOCK_MONOTONIC
)


def now_s() -> float:
    """Seconds from an arbitrary start, on a clock that goes on while the machine sleeps."""
    return time.clock_gettime(_SLEEPLESS)


def readings() -> tuple[float, float]:
    """See `billing_cli.domain.permit.Clocks`."""
    return now_s(), time.time()
