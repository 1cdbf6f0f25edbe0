"""Tries: one request to Stripe for one event or several, repeated until an answer proves something."""

import random
import time
from abc import ABC, abstractmethod

from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception_type, wait_random_exponential

from billing_cli.adapters.stripe.errors import billing_error, words_of
from billing_cli.adapters.stripe.paced_sender import PacedSender
from billing_cli.domain.answer import Answer, Expected, Proof, proof_of
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.errors import BillingError, Unavailable

_FAILURES = 8
# A 429 is no failure, only a delay; it is waited out for this long.
_PATIENCE_S = 60
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 8
_MAX_ERROR_CHARS = 300
_TOO_MANY = 429
_KEY_REFUSED = (401, 403)


class _TryAgain(Exception):
    """The last answer proved nothing; the same request may get another."""


class Tries(ABC):
    """One request with `size` events, and what its answers have proved so far. `done` is the outcome of a success.

    `maybe_done`: an answer, or its absence, left open whether Stripe carried a try out.
    """

    done: Outcome

    def __init__(self, maybe_done: bool, tries: int = 0, size: int = 1) -> None:
        self.maybe_done = maybe_done
        self.tries = tries
        self._size = size
        self._failures = 0
        self._request_id: str | None = None
        self._error: str | None = None

    @abstractmethod
    async def ask(self) -> Answer:
        """One request. Raises BillingError if nothing could be sent."""

    @property
    @abstractmethod
    def expected(self) -> Expected:
        """The object that a success has to be."""

    @abstractmethod
    def refused(self, answer: Answer) -> Outcome:
        """What a refusal proves, which the same request would get again."""

    def may_pass(self, answer: Answer) -> bool:
        """Whether a later try may be taken although this one was refused."""
        return False

    async def outcome(self, sender: PacedSender) -> Outcome:
        """Repeats the request until an answer proves something, the tries are used up, or the sender ends.

        The turn of the first try is taken by then. Raises Misconfigured if Stripe refuses the key and no try may have
        been carried out.
        """
        try:
            # Most need no more than this, and building a retrier takes a tenth of the time of a request.
            return await self._try(sender)
        except _TryAgain:
            if self._failures >= _FAILURES:
                return self._not_done()
            await sender.pause(random.uniform(0, _FIRST_WAIT_S))  # noqa: S311
        again = AsyncRetrying(
            retry=retry_if_exception_type(_TryAgain),
            wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_MAX_WAIT_S),
            stop=lambda state: sender.ending or self._is_hopeless(state),
            sleep=sender.pause,
        )
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
        except BillingError as error:
            self._error = error.message
            return self._not_asked(error)
        proof = proof_of(answer, self.expected)
        self._request_id = answer.request_id or self._request_id
        if proof is Proof.DONE:
            sender.pace.accepted(time.monotonic() - began_at, self._size)
            return self.done
        self.note(answer)
        if answer.status == _TOO_MANY:
            sender.pace.refused(answer.limited_by)
        if proof is Proof.NOTHING:
            self.maybe_done = True
            raise _TryAgain
        if self.may_pass(answer):
            raise _TryAgain
        return self._not_asked(billing_error(answer)) if answer.status in _KEY_REFUSED else self.refused(answer)

    def note(self, answer: Answer) -> None:
        """Remembers a try that did not succeed."""
        difference = self.expected.difference(answer) if answer.status and 200 <= answer.status < 300 else None
        self._error = f"{answer.status or 'no answer'}: {difference or words_of(answer)}"[:_MAX_ERROR_CHARS]
        if answer.status != _TOO_MANY:
            self._failures += 1

    def _not_asked(self, error: BillingError) -> Outcome:
        if isinstance(error, Unavailable) or self.hides_something:
            return self._not_done()
        raise error

    @property
    def hides_something(self) -> bool:
        """Whether an error in place of an outcome would hide something that may have been carried out."""
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
        """By how much the item's attempts grow, the claim's own one included."""
        return self.tries

    def _result(self, outcome: Outcome) -> SendResult:
        error = None if outcome is self.done else self._error
        return SendResult(self.event.item_id, outcome, self.counted_tries, self._request_id, error)


def is_duplicate(answer: Answer) -> bool:
    """Stripe already has this identifier. Version 2 has a code for it, version 1 only a sentence that names it."""
    if answer.error.get("code") == "duplicate_meter_event":
        return True
    return answer.status == 400 and "already exists with identifier" in str(answer.error.get("message") or "")
