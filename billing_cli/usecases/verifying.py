"""Writes down what Stripe's totals proved of a batch; at once, or after waiting for totals that lag."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

from billing_cli.domain.batch import BatchRun, BatchSummary
from billing_cli.domain.export import ExportPlan
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.ports import Database
from billing_cli.domain.verify_plan import VerifyPlan
from billing_cli.usecases.comparing import Verifier
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.stopping import stopping

_AT_ONCE = 5_000
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


def apply_verification(approved: ApprovedPlan[VerifyPlan], database: Database, actor: str) -> VerifyPlan:
    """Interrupted, the same again goes on. Returns the plan with the batch as it is then."""
    return _written(approved.plan, database, actor)


def to_verify(plan: ExportPlan, runs: Sequence[BatchRun], database: Database) -> list[BatchSummary]:
    """The batches that were sent just now, and those of the same window that are still to be found in totals."""
    earlier = database.call(
        "billing_proof_unverified_v1",
        p_account=plan.identity.account_id,
        p_livemode=plan.identity.livemode,
        p_start=plan.wanted.window.start.isoformat(),
        p_end=plan.wanted.window.end.isoformat(),
    )
    batches = {run.batch.batch_id: run.batch for run in runs}
    return list(({row["batch_id"]: BatchSummary.from_document(row) for row in earlier} | batches).values())


def await_verification(
    approved: ApprovedPlan[ExportPlan],
    verifier: Verifier,
    batch_id: str,
    actor: str,
    for_s: float,
    found: Callable[[int], None],
) -> VerifyPlan:
    """Looks again and again until all of an exported batch is found, something is wrong, or the time is over.

    What is found is written down at once, on the strength of the approved export. Ctrl-C ends the waiting.
    """
    give_up_at = time.monotonic() + for_s
    pause_s = _FIRST_PAUSE_S
    stop = Event()
    with stopping(stop.set):
        while True:
            plan = verifier.plan(batch_id)
            plan = _written(plan, verifier.database, actor)
            found(len(plan.comparison.found))
            left_s = give_up_at - time.monotonic()
            if plan.comparison.wrong or not plan.comparison.later or left_s <= 0 or stop.is_set():
                return plan
            stop.wait(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _written(plan: VerifyPlan, database: Database, actor: str) -> VerifyPlan:
    changes = [change.document() for change in plan.comparison.changes]
    found = list(plan.comparison.found)
    batch = plan.batch
    while changes or found:
        document = database_call(
            database,
            "billing_proof_apply_v1",
            p_batch_id=batch.batch_id,
            p_actor=actor,
            p_found=found[:_AT_ONCE],
            p_changes=changes[:_AT_ONCE],
        )
        batch = BatchSummary.from_document(document)
        changes, found = changes[_AT_ONCE:], found[_AT_ONCE:]
    return replace(plan, batch=batch)
