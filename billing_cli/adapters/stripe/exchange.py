"""What is asked of Stripe for one event or several, again and again until an answer proves something."""

import random
import time
from abc import ABC, abstractmethod
from typing import Any

import stripe
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception, wait_random_exponential
from tenacity.stop import StopBaseT

from billing_cli.adapters.stripe.errors import billing_error, said
from billing_cli.adapters.stripe.pace import REASON_HEADER
from billing_cli.adapters.stripe.paced_sender import PacedSender
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.errors import BillingError, Unavailable

_FAILURES = 8
# A 429 is no failure, only a delay; it is waited out for so long.
_PATIENCE_S = 60
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 8
_MAX_ERROR_CHARS = 300


class Tries(ABC):
    """One request with `size` events, and what its tries have told so far. `done` is what a success proves."""

    done: Outcome

    def __init__(self, maybe_done: bool, tries: int = 0, size: int = 1) -> None:
        self.maybe_done = maybe_done
        self.tries = tries
        self._size = size
        self._failures = 0
        self._request_id: str | None = None
        self._error: str | None = None

    @abstractmethod
    async def ask(self) -> Any:
        """One request. Raises StripeError, or a BillingError where nothing could be asked."""

    @abstractmethod
    def refused(self, error: stripe.StripeError) -> Outcome:
        """What a refusal proves, which the same request would get again."""

    async def outcome(self, sender: PacedSender) -> Outcome:
        """Asks again while the answer is 429, 409, 5xx or none at all, unless the sender is ending.

        The turn of the first try is taken by then. Raises Misconfigured when the key itself is refused, and no try
        may have been carried out.
        """
        try:
            # Most need no more than this, and building a retrier takes a tenth of the time of a request.
            return await self._try(sender)
        except stripe.StripeError:
            if self._failures >= _FAILURES:
                return self._not_done()
            await sender.pause(random.uniform(0, _FIRST_WAIT_S))  # noqa: S311
        again = retrying(lambda state: sender.ending or self._is_hopeless(state)).copy(sleep=sender.pause)
        try:
            return await again(self._try, sender)
        except RetryError:
            return self._not_done()

    async def _try(self, sender: PacedSender) -> Outcome:
        if self.tries and not await sender.turn_unless_ending(self._size):
            return self._not_done()
        self.tries += 1
        began_at = time.monotonic()
        try:
            answer = await self.ask()
        except stripe.StripeError as error:
            self.note(error)
            if error.http_status == 429:
                sender.pace.refused((error.headers or {}).get(REASON_HEADER))
            if _may_pass(error):
                raise
            if not isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
                return self.refused(error)
            return self._not_asked(billing_error(error))
        except BillingError as error:
            self._error = error.message
            return self._not_asked(error)
        sender.pace.accepted(time.monotonic() - began_at, self._size)
        response = answer.last_response if answer is not None else None
        self._request_id = response.request_id if response else None
        return self.done

    def note(self, error: stripe.StripeError) -> None:
        """Remembers what a failed try tells."""
        self._request_id = error.request_id or self._request_id
        self._error = f"{error.http_status or 'no answer'}: {said(error)}"[:_MAX_ERROR_CHARS]
        if error.http_status != 429:
            self._failures += 1
        if _proves_nothing(error):
            self.maybe_done = True

    def _not_asked(self, error: BillingError) -> Outcome:
        if isinstance(error, Unavailable) or self.hides_something:
            return self._not_done()
        raise error

    @property
    def hides_something(self) -> bool:
        """Whether an error in place of an outcome would hide what was, or may have been, carried out."""
        return self.maybe_done

    def _not_done(self) -> Outcome:
        return Outcome.UNKNOWN if self.maybe_done else Outcome.UNSENT

    def _is_hopeless(self, state: RetryCallState) -> bool:
        """Whether to leave this to the next run."""
        return self._failures >= _FAILURES or (state.seconds_since_start or 0) >= _PATIENCE_S


class Exchange(Tries):
    """Tries for one event, of which an earlier run may have made some."""

    def __init__(self, event: MeterEvent) -> None:
        super().__init__(event.maybe_sent)
        self.event = event

    async def run(self, sender: PacedSender) -> SendResult:
        """See `Tries.outcome`."""
        return self._result(await self.outcome(sender))

    @property
    def counted_tries(self) -> int:
        """What the item's attempts grow by, the claim's own one included."""
        return self.tries

    def _result(self, outcome: Outcome) -> SendResult:
        error = None if outcome is self.done else self._error
        return SendResult(self.event.item_id, outcome, self.counted_tries, self._request_id, error)


def retrying(stop: StopBaseT) -> AsyncRetrying:
    """Repeats a request to Stripe while a later one may succeed. Raises RetryError when `stop` says so."""
    return AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_MAX_WAIT_S),
        stop=stop,
    )


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: 429, 409, an expired session, or an answer that proves nothing."""
    if not isinstance(error, stripe.StripeError):
        return False
    if isinstance(error, stripe.TemporarySessionExpiredError):
        return True
    return error.http_status in (409, 429) or _proves_nothing(error)


def _proves_nothing(error: stripe.StripeError) -> bool:
    """No answer, 5xx, or a success that cannot be read: it may have been carried out."""
    return error.http_status is None or not 400 <= error.http_status < 500


def is_duplicate(error: stripe.StripeError) -> bool:
    """Stripe already has this identifier. v2 has a code for it, v1 only a sentence that names it."""
    code = error.error.code if error.error else None
    if code == "duplicate_meter_event":
        return True
    return error.http_status == 400 and "already exists with identifier" in (error.user_message or "")
