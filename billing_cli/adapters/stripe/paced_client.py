"""Requests to Stripe at the pace it takes: a 429 was not carried out, so it is waited out and sent again."""

import time
from typing import Any

import stripe

from billing_cli.adapters.stripe.pace import Pace

_TIMEOUT_S = 30
_PATIENCE_S = 60.0
_TOO_MANY = 429


class PacedClient(stripe.RequestsClient):
    """Shared by all threads of a command; the idempotency key of a repeated request stays the same."""

    def __init__(self, pace: Pace) -> None:
        super().__init__(timeout=_TIMEOUT_S)
        self._pace = pace

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """The first answer that is no 429, or the last 429 after a minute: body, status and headers."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            self._pace.wait()
            answer = super().request(*args, **kwargs)
            if answer[1] != _TOO_MANY:
                self._pace.accepted()
                return answer
            self._pace.refused()
            if time.monotonic() > give_up_at:
                return answer
