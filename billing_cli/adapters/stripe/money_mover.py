"""Tries and proves movements of money: every intent under its own idempotency key. It knows no kind: rooms.py does."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import answer_of, billing_error, unproved, words_of
from billing_cli.adapters.stripe.movements.movement import Status
from billing_cli.adapters.stripe.movements.rooms import room_of
from billing_cli.adapters.stripe.reading import read
from billing_cli.adapters.stripe.write_client import write_connections
from billing_cli.domain.answer import Answer, Expected, Proof, proof_of
from billing_cli.domain.errors import BillingError, Unavailable
from billing_cli.domain.intent import METADATA_KEY, Intent, MoveOutcome, MoveResult
from billing_cli.domain.permit import Permit

T = TypeVar("T")
_TRIES = 5
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
# A 429 is no failure, only a delay; it is waited out for this long.
_PATIENCE_S = 60.0
_TOO_MANY = 429


class StripeMoneyMover:
    """Reads by one SDK client, and writes under the permit of each intent."""

    def __init__(self, connection: StripeConnection) -> None:
        self._connection = connection
        self._connections = write_connections()
        self._stripe = connection.reader()

    def send(self, intent: Intent, permit: Permit, before_another_try: Callable[[], MoveResult | None]) -> MoveResult:
        """Up to five tries under one key. A kept 500 is returned at once: it would only be repeated."""
        give_up_at, tries, failures = time.monotonic() + _PATIENCE_S, 0, 0
        while True:
            tries += 1
            answer, result = self._try(intent, permit, tries)
            failures += answer.status != _TOO_MANY
            over = failures >= _TRIES or time.monotonic() > give_up_at
            if result.outcome is not MoveOutcome.UNKNOWN or result.stored_failure or over:
                return result
            time.sleep(random.uniform(0.5, 1) * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**tries))  # noqa: S311
            try:
                ended = before_another_try()
            except Unavailable:
                return result
            if ended:
                return ended

    def _try(self, intent: Intent, permit: Permit, tries: int) -> tuple[Answer, MoveResult]:
        try:
            made = self._create(intent, permit)
        except stripe.StripeError as error:
            made, answer = None, answer_of(error)
        else:
            answer = _answer(made)
        expected = room_of(intent.kind).expected(intent)
        proof = proof_of(answer, expected)
        if proof is Proof.DONE:
            return answer, self._done(intent, made, tries)
        if proof is Proof.REFUSED:
            return answer, _refused(answer, tries)
        return answer, _unknown(answer, expected, tries)

    def _create(self, intent: Intent, permit: Permit) -> Any:
        v1 = self._connection.writer(self._connections, permit).v1
        return room_of(intent.kind).create(v1, intent, {"idempotency_key": intent.intent_id})

    def find(self, intent: Intent) -> MoveResult | None:
        """Done if Stripe has an object that is the intent's and agrees with it; None if it has nothing of it.

        Metadata can be written by anybody: an object that differs otherwise is no proof, and is shown to a person.
        """
        room = room_of(intent.kind)
        found = read(lambda: list(room.find(self._stripe.v1, intent)))
        expected = room.expected(intent)
        differences = [expected.difference(Answer(200, made.to_dict())) for made in found]
        for made, difference in zip(found, differences, strict=True):
            if difference is None:
                return self._done(intent, made)
        return _another(found[0].id, differences[0]) if found else None

    def _done(self, intent: Intent, made: Any, tries: int = 1) -> MoveResult:
        room, v1 = room_of(intent.kind), self._stripe.v1
        response = getattr(made, "last_response", None)
        status = _quietly(lambda: room.status(v1, intent, made)) or Status()
        return MoveResult(
            MoveOutcome.DONE,
            object_id=made.id,
            status=status.name,
            request_id=getattr(response, "request_id", None),
            error=status.trouble,
            tries=tries,
            here=_quietly(lambda: room.here(v1, intent, made)),
        )


def _answer(made: Any) -> Answer:
    response = made.last_response
    return Answer(response.code, response.data, response.request_id)


def _refused(answer: Answer, tries: int) -> MoveResult:
    """Raises Misconfigured if Stripe refuses the key."""
    if answer.status in (401, 403):
        raise billing_error(answer)
    return MoveResult(MoveOutcome.REFUSED, request_id=answer.request_id, error=words_of(answer), tries=tries)


def _unknown(answer: Answer, expected: Expected, tries: int) -> MoveResult:
    return MoveResult(
        MoveOutcome.UNKNOWN,
        request_id=answer.request_id,
        error=unproved(answer, expected),
        tries=tries,
        stored_failure=answer.replayed and answer.is_stripes_error,
    )


def _another(object_id: str, difference: str | None) -> MoveResult:
    """For an object that carries our name, but differs from the one that the intent makes."""
    found = f"{object_id} in Stripe carries the name of this intent, but {difference}."
    step = f"Nothing is sent while it does: correct {METADATA_KEY} in its metadata."
    return MoveResult(MoveOutcome.UNKNOWN, error=f"{found} {step}")


def _quietly(load: Callable[[], T]) -> T | None:
    """The money has moved: an error in reading its status or our own row must not hide it."""
    try:
        return load()
    except BillingError:
        return None
