"""What is asked of Stripe for one event, again and again until an answer proves something."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import stripe
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception, wait_random_exponential

from billing_cli.adapters.stripe.errors import billing_error
from billing_cli.adapters.stripe.pace import Pace
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult

_FAILURES = 8
# A 429 is no failure, only a delay; it is waited out for so long.
_PATIENCE_S = 60
_MAX_WAIT_S = 8
_MAX_ERROR_CHARS = 300


class Exchange(ABC):
    """One event and what its tries have told so far. `done` is what a success proves."""

    done: Outcome

    def __init__(self, event: MeterEvent) -> None:
        self.event = event
        self.tries = 0
        self.maybe_done = event.maybe_sent
        self._failures = 0
        self._request_id: str | None = None
        self._error: str | None = None

    @abstractmethod
    async def ask(self) -> Any:
        """One request. Raises StripeError."""

    @abstractmethod
    def refused(self, error: stripe.StripeError) -> Outcome:
        """What a refusal proves, which the same request would get again."""

    async def run(self, pace: Pace) -> SendResult:
        """Asks again while the answer is 429, 409, 5xx or none at all.

        Raises Misconfigured when the key itself is refused, and no try may have been carried out.
        """
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(_may_pass),
                wait=wait_random_exponential(multiplier=0.1, max=_MAX_WAIT_S),
                stop=self._is_hopeless,
            ):
                with attempt:
                    return await self._try(pace)
        except RetryError:
            pass
        return self._result(Outcome.UNKNOWN if self.maybe_done else Outcome.UNSENT)

    async def _try(self, pace: Pace) -> SendResult:
        if (wait_s := pace.turn_s()) > 0:
            await asyncio.sleep(wait_s)
        self.tries += 1
        try:
            answer = await self.ask()
        except stripe.StripeError as error:
            self.note(error)
            if error.http_status == 429:
                pace.refused()
            if _may_pass(error):
                raise
            if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
                if self.maybe_done:
                    return self._result(Outcome.UNKNOWN)
                raise billing_error(error) from error
            return self._result(self.refused(error))
        pace.accepted()
        response = answer.last_response
        self._request_id = response.request_id if response else None
        return self._result(self.done)

    def note(self, error: stripe.StripeError) -> None:
        """Remembers what a failed try tells."""
        self._request_id = error.request_id or self._request_id
        self._error = f"{error.http_status or 'no answer'}: {error.user_message or type(error).__name__}"[
            :_MAX_ERROR_CHARS
        ]
        if error.http_status != 429:
            self._failures += 1
        if _proves_nothing(error):
            self.maybe_done = True

    def _is_hopeless(self, state: RetryCallState) -> bool:
        """Whether to leave this event to the next run."""
        return self._failures >= _FAILURES or (state.seconds_since_start or 0) >= _PATIENCE_S

    def _result(self, outcome: Outcome) -> SendResult:
        error = None if outcome is self.done else self._error
        return SendResult(self.event.item_id, outcome, self.tries, self._request_id, error)


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: 429, 409, or an answer that proves nothing."""
    if not isinstance(error, stripe.StripeError):
        return False
    return error.http_status in (409, 429) or _proves_nothing(error)


def _proves_nothing(error: stripe.StripeError) -> bool:
    """No answer, 5xx, or a success that cannot be read: it may have been carried out."""
    return error.http_status is None or not 400 <= error.http_status < 500
