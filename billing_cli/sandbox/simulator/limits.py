"""Stripe's limits: calls per second for each key, and one call at a time per customer and meter."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from billing_cli.sandbox.simulator.replies import Refusal

METER_EVENTS = "/v1/billing/meter_events"
OTHER_RATE = 100.0


class RateLimit:
    """A token bucket per key: meter events have a budget of their own, everything else shares one."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, bool], tuple[float, float]] = {}

    def check(self, key: str, path: str, rate: float) -> None:
        """Refuses above `rate` calls/s for meter events; 0 switches the limit off."""
        if rate <= 0:
            return
        is_usage = path == METER_EVENTS
        allowed = rate if is_usage else min(rate, OTHER_RATE)
        now_s = time.monotonic()
        tokens, filled_s = self._buckets.get((key, is_usage), (allowed, now_s))
        tokens = min(allowed, tokens + (now_s - filled_s) * allowed)
        if tokens < 1:
            self._buckets[key, is_usage] = (tokens, now_s)
            raise Refusal(
                429,
                "Request rate limit exceeded.",
                code="rate_limit",
                headers={"Stripe-Rate-Limited-Reason": "endpoint-rate" if is_usage else "global-rate"},
            )
        self._buckets[key, is_usage] = (tokens - 1, now_s)


class OneAtATime:
    """Refuses a call while another one with the same name is in flight."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    @contextmanager
    def hold(self, name: str, refusal: str) -> Iterator[None]:
        if not name:
            yield
            return
        if name in self._busy:
            raise Refusal(409, refusal, code="lock_timeout")
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)
