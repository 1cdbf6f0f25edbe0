"""Requests to Stripe at the pace it takes: a 429 was not carried out, so it is waited out and sent again."""

import random
import time
from typing import Any

import stripe

from billing_cli.adapters.stripe.pace import REASON_HEADER, Pace

_TIMEOUT_S = 30
_PATIENCE_S = 60.0
_TOO_MANY = 429
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class PacedClient(stripe.RequestsClient):
    """Shared by all threads of a command; the idempotency key of a repeated request stays the same."""

    def __init__(self, pace: Pace) -> None:
        super().__init__(timeout=_TIMEOUT_S)
        self._pace = pace

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """The first answer that is no 429, or the last 429 after a minute: body, status and headers."""
        give_up_at, refusals = time.monotonic() + _PATIENCE_S, 0
        while True:
            self._pace.wait()
            began_at = time.monotonic()
            answer = super().request(*args, **kwargs)
            if answer[1] != _TOO_MANY:
                self._pace.accepted(time.monotonic() - began_at)
                return answer
            self._pace.refused(answer[2].get(REASON_HEADER))
            if time.monotonic() > give_up_at:
                return answer
            refusals += 1
            # This thread has nothing in flight meanwhile, which is what a limit of concurrency asks for.
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**refusals)))  # noqa: S311
