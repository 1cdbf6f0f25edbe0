"""`billing batches rollback`: an export was wrong, and is taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from billing_cli.cli.options import BatchId, Confirm, Expect, PlanOut, SignKey, WriteOptions
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.rollback import RollbackPlan

if TYPE_CHECKING:
    from rich.console import RenderableType


def rollback(
    ctx: typer.Context,
    batch_id: BatchId,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Take a batch back: have Stripe forget its events, for 24 hours after it received them.

    Without --confirm it only shows what can be cancelled, and what to do about the rest.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing batches rollback exp_20261124_023802_d76c4e40
    LIVE=true billing batches rollback exp_20261124_023802_d76c4e40 --confirm
    """
    with open_session(ctx) as session:
        command = rollback_from(session, {"batch": batch_id}, ["batches", "rollback", batch_id])
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


@dataclass(frozen=True)
class RollbackCommand:
    session: Session
    batch_id: str
    words: list[str]
    noun: str = "batch-rollback"

    def plan(self) -> RollbackPlan:
        from billing_cli import wiring
        from billing_cli.usecases.rollback import load_rollback

        return load_rollback(self.session.database, wiring.stripe_reader(self.session.settings), self.batch_id)

    def document(self, plan: RollbackPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.rollback import rollback_plan_document

        return rollback_plan_document(plan, gates)

    def view(self, plan: RollbackPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.rollback import RollbackPlanView

        return RollbackPlanView(plan, gates, self.session.state.command)

    def run(self, approved: ApprovedPlan[RollbackPlan]) -> int:
        from billing_cli import wiring
        from billing_cli.cli.observer import RollbackObserver
        from billing_cli.cli.outcome import rollback_exit_code
        from billing_cli.cli.progress import ConsoleProgress
        from billing_cli.render.rollback import after_rollback, render_rollback, rollback_document
        from billing_cli.usecases.rollback import run_rollback

        plan, state = approved.plan, self.session.state
        with ConsoleProgress(state, "events settled") as progress:
            observer = RollbackObserver(progress, plan.events)
            environment = wiring.run_environment(self.session.settings, self.session.database, approved, observer)
            ended = run_rollback(environment)
        next_steps = state.next_steps(after_rollback(ended))
        state.emit(self.noun, rollback_document(plan, ended), render_rollback(ended, state.command), next_steps)
        return rollback_exit_code(ended)


def rollback_from(session: Session, request: Mapping[str, Any], words: list[str]) -> RollbackCommand:
    """The command of a plan file."""
    return RollbackCommand(session, request["batch"], words)
