"""Carrying intents out: claim, prove or send, settle; one after the other or several side by side."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from billing_cli.domain.errors import BadInput, BillingError, NoSuchObject, Unavailable
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.intent import Intent, MoveOutcome, MoveResult
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.domain.movement import rule_of
from billing_cli.domain.permit import Clocks, Permit
from billing_cli.domain.ports import Database, MoneyMover, MoneyReader, Processes
from billing_cli.domain.standing import Standing, changes
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.stopping import stopping

# Stripe allows 25 calls a second to one endpoint; at 100 ms each, eight side by side come near to it.
WORKERS = 8
# Reads are not held to that, and the plan of a file makes two of each payment.
READERS = 16
# A try that is younger may still be under way to Stripe's lists, if Stripe answered it.
_LISTED_AFTER_S = 60
_GIVE_UP_AFTER = 10


class MoveObserver(Protocol):
    """Is told what happens, for people to read."""

    def moving(self, count: int) -> None: ...

    def moved(self, moved: "Moved") -> None: ...


@dataclass(frozen=True)
class Moved:
    """An intent after this run had its turn. `held_by` is another run that is at it now.

    `unanswered`: it was tried, and Stripe's answer proved nothing.
    """

    intent: Intent
    held_by: str | None = None
    here: str | None = None
    unanswered: bool = False


@dataclass(frozen=True)
class MoveEnvironment:
    """An approved plan, without which no intent is carried out, and what else that needs."""

    approved: ApprovedPlan[MoneyPlan]
    database: Database
    stripe: MoneyReader
    mover: MoneyMover
    processes: Processes
    actor: str
    runner: str
    clocks: Clocks
    observer: MoveObserver


def carry_out(intent_ids: Sequence[str], run: MoveEnvironment) -> list[Moved]:
    """Every intent of the approved plan brought as far as possible, in the order given.

    Ctrl-C and SIGTERM let what is in flight end; the rest stays open. Raises Misconfigured when
    Stripe refuses the key, Unavailable when the database goes away.
    """
    run.observer.moving(len(intent_ids))
    work = _Work(intent_ids)
    with stopping(work.stop):
        if len(intent_ids) == 1:
            _work(work, run)
        else:
            with ThreadPoolExecutor(min(WORKERS, len(intent_ids) or 1)) as pool:
                for future in [pool.submit(_work, work, run) for _ in range(WORKERS)]:
                    future.result()
    return [*work.moved_in_order(), *(Moved(_show(run.database, rest)) for rest in work.rest())]


class _Work:
    """What is still to be done, shared by the workers."""

    def __init__(self, intent_ids: Sequence[str]) -> None:
        self._order = {intent_id: number for number, intent_id in enumerate(intent_ids)}
        self._todo = deque(intent_ids)
        self._moved: list[Moved] = []
        self._unknown_in_a_row = 0
        self._lock = threading.Lock()
        self._stopped = False

    def __iter__(self) -> Iterator[str]:
        while True:
            with self._lock:
                if self._stopped or not self._todo:
                    return
                intent_id = self._todo.popleft()
            yield intent_id

    def note(self, moved: Moved) -> None:
        with self._lock:
            self._moved.append(moved)
            self._unknown_in_a_row = self._unknown_in_a_row + 1 if moved.unanswered else 0
            self._stopped = self._stopped or self._unknown_in_a_row >= _GIVE_UP_AFTER

    def stop(self) -> None:
        self._stopped = True

    def moved_in_order(self) -> list[Moved]:
        return sorted(self._moved, key=lambda moved: self._order[moved.intent.intent_id])

    def rest(self) -> Iterable[str]:
        done = {moved.intent.intent_id for moved in self._moved}
        return [intent_id for intent_id in self._order if intent_id not in done]


def _work(work: _Work, run: MoveEnvironment) -> None:
    try:
        for intent_id in work:
            moved = _carry_out_one(intent_id, run)
            work.note(moved)
            run.observer.moved(moved)
    except BaseException:
        work.stop()
        raise


def _carry_out_one(intent_id: str, run: MoveEnvironment) -> Moved:
    permit = Permit(run.clocks)
    answer = _claim(intent_id, permit, run)
    intent = Intent.from_document(answer)
    if not answer["claimed"]:
        return Moved(intent, held_by=intent.claimed_by if intent.is_open else None)
    try:
        result = _move(intent, answer, permit, run)
    except BillingError as error:
        # Not kept for the whole lease: the next run may go on at once.
        of_this_one = isinstance(error, BadInput)
        moved = _settle(
            intent_id, MoveResult(MoveOutcome.UNKNOWN, error=error.message, tries=0 if of_this_one else 1), run
        )
        if of_this_one or isinstance(error, Unavailable):
            return moved
        raise
    return _settle(intent_id, result, run)


def _settle(intent_id: str, result: MoveResult, run: MoveEnvironment) -> Moved:
    settled = database_call(
        run.database,
        "billing_intent_settle_v1",
        p_intent_id=intent_id,
        p_runner=run.runner,
        p_actor=run.actor,
        p_outcome=result.outcome.value,
        p_object_id=result.object_id,
        p_status=result.status,
        p_request_id=result.request_id,
        p_error=result.error,
        p_here=dict(result.here or {}),
    )
    unanswered = result.outcome is MoveOutcome.UNKNOWN and result.tries > 0
    return Moved(Intent.from_document(settled), here=settled["here"], unanswered=unanswered)


def _move(intent: Intent, claim: Mapping[str, Any], permit: Permit, run: MoveEnvironment) -> MoveResult:
    """What is known in the end: first from Stripe's lists where it may have been sent, then by sending."""
    maybe_sent, last_try_age_s = claim["maybe_sent"], claim["last_try_age_s"] or 0
    if maybe_sent and (found := _found(intent, run.mover)):
        return found
    if not claim["key_usable"]:
        return _past_its_key(claim["lands_within_s"] or 0)
    if obstacle := _obstacle(intent, claim["seen"], run.stripe):
        return _doubtful(obstacle) if maybe_sent else MoveResult(MoveOutcome.REFUSED, error=obstacle)
    # It was so when it was planned; what other hands did since then is an obstacle.
    if not maybe_sent and rule_of(intent.kind).looks_first and (found := _found(intent, run.mover)):
        return found

    def before_another_try() -> MoveResult | None:
        if found := _found(intent, run.mover):
            return found
        changed = _obstacle(intent, claim["seen"], run.stripe)
        return _doubtful(changed) if changed else None

    result = run.mover.send(intent, permit, before_another_try)
    clean = result.outcome is MoveOutcome.DONE or (
        result.outcome is MoveOutcome.REFUSED and result.tries == 1 and not maybe_sent
    )
    return result if clean else _proved(intent, result, last_try_age_s, run.mover)


def _found(intent: Intent, mover: MoneyMover) -> MoveResult | None:
    """What Stripe's lists have of it: nothing, if Stripe does not know the object that it would change.

    Any other refusal of the look proves nothing, and is raised.
    """
    try:
        return mover.find(intent)
    except NoSuchObject:
        return None


def _past_its_key(lands_within_s: int) -> MoveResult:
    """Of an intent that Stripe's lists do not have, and that may not be sent any more."""
    nothing = "Stripe has nothing of it; its key is too old to be used again."
    if lands_within_s <= 0:
        return MoveResult(MoveOutcome.LAPSED, error=nothing)
    wait = f"Its last try may still arrive. Run this again in {lands_within_s} s."
    return MoveResult(MoveOutcome.UNKNOWN, error=f"{nothing} {wait}", tries=0)


def _doubtful(obstacle: str) -> MoveResult:
    """Not refused: our own request may have made the change, and Stripe's lists may lag. A later look settles it."""
    error = f"Stripe's lists have nothing of it, and it was not sent again: {obstacle}"
    return MoveResult(MoveOutcome.UNKNOWN, error=error, tries=0)


def _proved(intent: Intent, result: MoveResult, last_try_age_s: int, mover: MoneyMover) -> MoveResult:
    """A doubtful answer beside Stripe's own lists.

    A kept 500 proves something only if it was this run's first answer: then this run has made no try of its own.
    """
    try:
        found = mover.find(intent)
    except Unavailable as error:
        return MoveResult(MoveOutcome.UNKNOWN, request_id=result.request_id, error=error.message)
    if found:
        return found
    if result.stored_failure and result.tries == 1 and last_try_age_s > _LISTED_AFTER_S:
        return MoveResult(
            MoveOutcome.LAPSED,
            request_id=result.request_id,
            error="Stripe failed, keeps that answer under this key, and has nothing of it.",
        )
    return result


def _obstacle(intent: Intent, seen: Standing | None, stripe: MoneyReader) -> str | None:
    """The last look at the object right before it is changed: it has to stand as the plan saw it.

    Intents of versions before 0014 have nothing to compare; Stripe's own checks must do for them.
    """
    try:
        found = changes(seen, stripe.standing(intent.kind, intent.subject, intent.request)) if seen is not None else ()
    except BadInput as error:
        return error.message
    return f"{intent.subject} changed after the plan was made: {'; '.join(found)}." if found else None


def _claim(intent_id: str, permit: Permit, run: MoveEnvironment) -> dict[str, Any]:
    """Claims it, with the permit to send it; a claim of a process that is known to be dead does not count."""
    asked_at = permit.now()
    keys = {"p_intent_id": intent_id, "p_runner": run.runner, "p_actor": run.actor}
    answer = database_call(run.database, "billing_intent_claim_v2", **keys)
    holder = answer["claimed_by"]
    if not answer["claimed"] and holder and run.processes.is_alive(holder) is False:
        answer = database_call(run.database, "billing_intent_claim_v2", **keys, p_dead_runner=holder)
    if answer["claimed"]:
        permit.renew(asked_at, answer["permit_s"])
    return answer


def _show(database: Database, intent_id: str) -> Intent:
    return Intent.from_document(database.call("billing_intent_show_v1", p_intent_id=intent_id))
