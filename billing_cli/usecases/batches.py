"""Batches: read them, become the runner of one, and run it to its end."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchRun, BatchSummary, ResumePlan, StopReason
from billing_cli.domain.errors import BadInput, BillingError, LockHeld
from billing_cli.domain.meter import Backend
from billing_cli.domain.permit import Permit
from billing_cli.domain.plan import Plan, digest_of
from billing_cli.domain.ports import BillingReader, Database, Processes, UsageSender
from billing_cli.usecases.environment import RunEnvironment
from billing_cli.usecases.patience import DatabaseCall, database_call, one_call
from billing_cli.usecases.proving import OldClaims
from billing_cli.usecases.sending import SendingRun, Work, sending
from billing_cli.usecases.sharing import Others
from billing_cli.usecases.stopping import stopping

_POLL_S = 1.0
_PAGE = 500


def list_batches(database: Database, limit: int) -> list[BatchSummary]:
    return [BatchSummary.from_document(row) for row in database.call("billing_batches_list_v1", p_limit=limit)]


def show_batch(database: Database, batch_id: str) -> BatchSummary:
    document = database.call("billing_batch_show_v1", p_batch_id=batch_id, p_limit=0)
    return BatchSummary.from_document(document["batch"])


def look_for_runner(batch: BatchSummary, processes: Processes) -> BatchSummary:
    """With what this machine knows of the runner: its process may be gone long before its lease is over."""
    alive = processes.is_alive(batch.runner) if batch.runner else None
    return replace(batch, runner_gone=None if alive is None else not alive)


def batch_items(database: Database, batch_id: str, state: str | None, limit: int) -> Iterator[dict[str, Any]]:
    """The items of a batch in order, page by page, at most `limit`."""
    after = 0
    while limit > 0:
        page = database.call(
            "billing_batch_show_v1",
            p_batch_id=batch_id,
            p_state=state,
            p_after_item_id=after,
            p_limit=min(_PAGE, limit),
        )["items"]
        yield from page
        if len(page) < _PAGE:
            return
        after, limit = page[-1]["item_id"], limit - len(page)


def plan_resume(database: Database, stripe: BillingReader, batch_id: str) -> ResumePlan:
    """A plan to finish one batch. Raises BadInput for a batch of another account or mode."""
    batch = show_batch(database, batch_id)
    identity = stripe.identity()
    check_account(batch, identity)
    return ResumePlan(batch, identity, digest_of("batches resume", identity, {batch.batch_id: batch.left}))


def check_account(batch: BatchSummary, identity: StripeIdentity) -> None:
    """Raises BadInput for a batch of another account or mode."""
    if (batch.stripe_account_id, batch.livemode) != (identity.account_id, identity.livemode):
        mode = "live" if batch.livemode else "test"
        raise BadInput(
            f"Batch {batch.batch_id} belongs to {batch.stripe_account_id} ({mode} mode), "
            f"but the key is for {identity.account_id} ({'live' if identity.livemode else 'test'} mode).",
            "Use the key of the batch's own account.",
        )


def resume_batch(run: RunEnvironment[ResumePlan]) -> list[BatchRun]:
    """Finishes the batch of an approved plan, if that is open."""
    plan = run.approved.plan
    return [] if plan.empty else [run_batch(plan.batch.batch_id, run)]


def run_batch(batch_id: str, run: RunEnvironment[Plan]) -> BatchRun:
    """Becomes the runner of a batch and sends what is left of it."""

    def finish(call: DatabaseCall) -> BatchSummary:
        document = call(
            run.database, "billing_batch_finish_v1", p_batch_id=batch_id, p_runner=run.runner, p_actor=run.actor
        )
        return BatchSummary.from_document(document)

    return as_runner(batch_id, run, _send_all, finish)


def as_runner(
    batch_id: str,
    run: RunEnvironment[Plan],
    work: Callable[[BatchSummary, RunEnvironment[Plan]], StopReason | None],
    finish: Callable[[DatabaseCall], BatchSummary],
) -> BatchRun:
    """Becomes the runner of a batch, works on it and lets it go; only looks at one that is done by now.

    Where others share it and still have some of it in hand, they are waited for, and made up for if they die.
    Raises LockHeld if another run is alive, LeaseLost if this one was overtaken.
    """
    while True:
        ended = _one_turn(batch_id, run, work, finish)
        if ended.stopped or ended.finished or not run.shares:
            return ended
        if not _others_are_done(batch_id, run):
            return replace(ended, stopped=StopReason.INTERRUPTED)


def _one_turn(
    batch_id: str,
    run: RunEnvironment[Plan],
    work: Callable[[BatchSummary, RunEnvironment[Plan]], StopReason | None],
    finish: Callable[[DatabaseCall], BatchSummary],
) -> BatchRun:
    batch = _acquire(batch_id, run)
    if batch.state == "done":
        return BatchRun(batch, None)
    run.observer.started(batch)
    with _workers(batch_id, run):
        try:
            stopped = work(batch, run)
        except BillingError:
            # Ends the lease, so that the next run need not wait for it. Tried once: the database may have failed.
            with suppress(BillingError):
                finish(one_call)
            raise
        ended = finish(one_call if stopped is StopReason.INTERRUPTED else database_call)
        if stopped:
            run.interrupt_workers()
    return BatchRun(show_batch(run.database, batch_id) if run.shares else ended, stopped)


def _others_are_done(batch_id: str, run: RunEnvironment[Plan]) -> bool:
    """Waits until the batch is done, or nobody is there to end it. False if it was interrupted."""
    stop = threading.Event()
    with stopping(stop.set):
        while not stop.is_set():
            batch = show_batch(run.database, batch_id)
            is_held = (
                batch.runner and (batch.runner_left_s or 0) > 0 and run.processes.is_alive(batch.runner) is not False
            )
            if batch.state != "open" or not is_held:
                return True
            stop.wait(_POLL_S)
    return False


@contextmanager
def _workers(batch_id: str, run: RunEnvironment[Plan]) -> Iterator[None]:
    """While this run goes on, its workers do; when it fails, they end in order."""
    if run.workers is None:
        yield
        return
    run.workers.start(batch_id)
    try:
        yield
    except BillingError:
        run.workers.interrupt()
        raise
    except BaseException:
        run.workers.kill()
        raise
    finally:
        with stopping(run.workers.interrupt):
            failures = run.workers.wait()
        for sentence in failures:
            run.observer.worker_failed(sentence)


def _send_all(batch: BatchSummary, run: RunEnvironment[Plan]) -> StopReason | None:
    """What is too old to be sent again is proved first. Then backend after backend; a reason to stop is one for all.

    Where others share the batch, what they leave behind is taken up as well.
    """
    others = Others(run.database, run.processes, batch.batch_id, run.runner, run.actor, run.interrupt_workers)
    if not others.hear_of_this_one():
        return StopReason.INTERRUPTED
    unproved = OldClaims(run.database, run.ledger, run.usage_lag_s, run.runner, run.actor, run.observer).settle(batch)
    if unproved is StopReason.INTERRUPTED:
        return unproved
    while True:
        # Twice if there are several: items of one may wait for corrections of another.
        for backend in map(Backend, batch.backends * min(2, len(batch.backends))):
            stopped = asyncio.run(work_through(batch.batch_id, sending(backend), partial(run.sender, backend), run))
            if stopped:
                return stopped
        if not run.shares:
            return unproved
        if not others.leave():
            return StopReason.INTERRUPTED
        if not others.left_something():
            return unproved


async def work_through(
    batch_id: str, work: Work, make_sender: Callable[[Permit], UsageSender], run: RunEnvironment[Plan]
) -> StopReason | None:
    """One run's work on the items of a batch, by a sender that is made and closed here, under one permit."""
    permit = Permit(run.clocks)
    sender = make_sender(permit)
    try:
        return await SendingRun(run, sender, permit, work, batch_id).run()
    finally:
        await sender.close()


def _acquire(batch_id: str, run: RunEnvironment[Plan]) -> BatchSummary:
    """Becomes a runner of the batch, waiting for the lease of a runner that shows no sign of life.

    A runner on this machine is known to live or not; one elsewhere shows by its heartbeat.
    """
    answer = _try_acquire(batch_id, run, dead=[])
    dead = [runner for runner in answer["living"] if run.processes.is_alive(runner) is False]
    if not answer["acquired"] and dead:
        answer = _try_acquire(batch_id, run, dead)
    last_silent_s = -1
    while not answer["acquired"] and answer["state"] != "done":
        batch = BatchSummary.from_document(answer)
        silent_s = batch.runner_silent_s or 0
        if any(map(run.processes.is_alive, answer["living"])) or silent_s < last_silent_s:
            doing = "rolling back" if batch.state == "rolling_back" else "sending"
            raise LockHeld(
                f"Another run ({batch.runner}) is {doing} batch {batch_id}.",
                f"Wait for it, then run this again. To watch it: billing batches show {batch_id}",
            )
        if last_silent_s < 0:
            run.observer.waiting(batch)
        last_silent_s = silent_s
        time.sleep(_POLL_S)
        answer = _try_acquire(batch_id, run, dead=[])
    return BatchSummary.from_document(answer)


def _try_acquire(batch_id: str, run: RunEnvironment[Plan], dead: list[str]) -> dict[str, Any]:
    return database_call(
        run.database,
        "billing_batch_acquire_v2",
        p_batch_id=batch_id,
        p_runner=run.runner,
        p_actor=run.actor,
        p_shares=run.shares,
        # As text: a float has another type on the wire.
        p_most_per_s=None if run.most_per_s is None else str(run.most_per_s),
        p_dead=dead,
    )
