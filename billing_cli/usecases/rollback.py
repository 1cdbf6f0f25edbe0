"""Rollback: see what of a batch can be taken back; and, with an approved plan, have Stripe forget it."""

import asyncio
from typing import Any

from billing_cli.domain.batch import BatchRun, BatchSummary, StopReason
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.plan import Plan
from billing_cli.domain.ports import BillingReader, Database
from billing_cli.domain.rollback import Rollback, RollbackPlan, plan_rollback, rollback_lines
from billing_cli.usecases.batches import as_runner, check_account, work_through
from billing_cli.usecases.environment import RunEnvironment
from billing_cli.usecases.patience import DatabaseCall, database_call
from billing_cli.usecases.sending import Work


def load_rollback(database: Database, stripe: BillingReader, batch_id: str) -> RollbackPlan:
    """Loads the facts of a rollback and plans it. Reads only.

    Raises BadInput for a batch that is open, or of another account or mode.
    """
    identity = stripe.identity()
    last_events = tuple(sorted(meter.event_name for meter in stripe.meters() if _keeps_last_value(meter)))
    document = _preview(database, batch_id, last_events)
    batch = BatchSummary.from_document(document["batch"])
    check_account(batch, identity)
    return plan_rollback(identity, last_events, batch, document)


def run_rollback(run: RunEnvironment[RollbackPlan]) -> Rollback:
    """Becomes the only runner of the batch, and has Stripe forget event by event what the plan names.

    Raises PlanChanged if that is not what the plan showed, LockHeld if another run is at work.
    """
    plan = run.approved.plan
    if plan.empty:
        return Rollback(BatchRun(plan.batch, None), plan.lines)
    batch_id, last_events = plan.batch.batch_id, list(plan.last_events)
    own = {"p_batch_id": batch_id, "p_runner": run.runner, "p_actor": run.actor, "p_last": last_events}

    def cancel(batch: BatchSummary, run: RunEnvironment[Plan]) -> StopReason | None:
        work = Work("billing_rollback_claim_v1", {"p_last": last_events})
        return asyncio.run(work_through(batch_id, work, run.canceller, run))

    def finish(call: DatabaseCall) -> BatchSummary:
        return BatchSummary.from_document(call(run.database, "billing_rollback_finish_v1", **own))

    database_call(
        run.database,
        "billing_rollback_open_v1",
        p_batch_id=batch_id,
        p_last=last_events,
        p_items_hash=plan.items_hash,
        p_digest=plan.digest,
        p_actor=run.actor,
    )
    ended = as_runner(batch_id, run, cancel, finish)
    return Rollback(ended, rollback_lines(_preview(run.database, batch_id, plan.last_events)))


def _preview(database: Database, batch_id: str, last_events: tuple[str, ...]) -> dict[str, Any]:
    document: dict[str, Any] = database.call(
        "billing_rollback_preview_v1", p_batch_id=batch_id, p_last=list(last_events)
    )
    return document


def _keeps_last_value(meter: StripeMeter) -> bool:
    """Whether cancelling the last event leaves the one before; with windows, an event stands for all of its own."""
    return meter.formula == "last" and meter.event_time_window is None
