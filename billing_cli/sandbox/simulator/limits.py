"""Stripe's limits: calls or events per second, and one call at a time per customer and meter."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from billing_cli.sandbox.simulator.meter_event_stream import MAX_EVENTS, STREAM
from billing_cli.sandbox.simulator.replies import Call, Refusal
from billing_cli.sandbox.simulator.state import State

METER_EVENTS = "/v1/billing/meter_events"
OTHER_RATE = 100.0
# Of a token: many small refills add up to a little less than one large one.
ROUNDING = 1e-6


class RateLimit:
    """Token buckets of one second: meter events and the stream have budgets of their own, all else shares one.

    Who never sends more in any stretch of time than the rate allows for it, and one second more, is never refused.
    """

    def __init__(self) -> None:
        # By budget and mode, for the account as a whole: what is left, and when that was.
        self._buckets: dict[tuple[str, bool], tuple[float, float]] = {}

    def check(self, state: State, call: Call) -> None:
        """Raises Refusal, and counts it, where the budget is used up; a rate of 0 is no limit."""
        budget, rate, cost = _budget(state, call)
        if rate <= 0:
            return
        # A whole request has to fit in, however low the rate.
        size = max(rate, MAX_EVENTS if budget == STREAM else 1)
        now_s = time.monotonic()
        left, at_s = self._buckets.get((budget, call.livemode), (size, now_s))
        left = min(size, left + (now_s - at_s) * rate)
        refused = left + ROUNDING < cost
        self._buckets[budget, call.livemode] = (left if refused else left - cost, now_s)
        if refused:
            state.rate_limited += 1
            raise too_many(call, "endpoint-rate" if budget else "global-rate")


def _budget(state: State, call: Call) -> tuple[str, float, int]:
    """The path that has a budget of its own, or none; its rate; and what this call takes of it."""
    if call.path == STREAM:
        events = call.document.get("events") if isinstance(call.document, dict) else None
        return STREAM, state.settings.stream_rate, len(events) if isinstance(events, list) else 1
    if call.path == METER_EVENTS:
        return METER_EVENTS, state.settings.rate, 1
    return "", min(state.settings.rate, OTHER_RATE), 1


def too_many(call: Call, reason: str) -> Refusal:
    """The 429 of a limit; `reason` says which one."""
    kind = "rate_limit" if call.path.startswith("/v2/") else "invalid_request_error"
    headers = {"Stripe-Rate-Limited-Reason": reason}
    return Refusal(429, "Request rate limit exceeded.", kind=kind, code="rate_limit", headers=headers)


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
