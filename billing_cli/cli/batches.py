"""`billing batches`: what an export did, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing_cli.cli.help import CommandGroup
from billing_cli.cli.options import (
    ALONE,
    BatchId,
    Confirm,
    Expect,
    PlanOut,
    Rate,
    SendOptions,
    SignKey,
    Workers,
    WriteOptions,
    newest_first,
)
from billing_cli.cli.rollback import rollback
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.verify import verify
from billing_cli.cli.write import carry_out
from billing_cli.domain.batch import ItemState, ResumePlan
from billing_cli.domain.gate import ApprovedPlan, Gates

if TYPE_CHECKING:
    from rich.console import RenderableType

batches_app = CommandGroup("Look at exports; finish, verify or take back one of them.")


@batches_app.command("list")
def list_batches(
    ctx: typer.Context,
    limit: Annotated[int, newest_first(1000)] = 20,
) -> int:
    """List the latest batches and their counts.

    Writes: nothing
    Needs: database

    Examples:
    billing batches list
    billing --json batches list --limit 100
    """
    from billing_cli import wiring
    from billing_cli.render.batches import batch_document, gone_commands, render_batches
    from billing_cli.usecases.batches import list_batches as load
    from billing_cli.usecases.batches import look_for_runner

    with open_session(ctx) as session:
        batches = [look_for_runner(batch, wiring.processes()) for batch in load(session.database, limit)]
    document: dict[str, object] = {"batches": [batch_document(batch) for batch in batches]}
    next_steps = session.state.next_steps(gone_commands(batches))
    session.state.emit("batches", document, render_batches(batches), next_steps)
    return 0


@batches_app.command()
def show(
    ctx: typer.Context,
    batch_id: BatchId,
    item_state: Annotated[
        ItemState | None,
        typer.Option("--state", help="Only items in this state."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most so many items.")] = 50,
) -> int:
    """Show one batch: each item with its state, attempts and Stripe request, and the hours left to act.

    Writes: nothing
    Needs: database

    Examples:
    billing batches show exp_20261124_023802_d76c4e40
    billing batches show exp_20261124_023802_d76c4e40 --state ambiguous
    """
    from billing_cli import wiring
    from billing_cli.render.batches import BatchView, batch_document
    from billing_cli.usecases.batches import batch_items, look_for_runner, show_batch

    with open_session(ctx) as session:
        batch = look_for_runner(show_batch(session.database, batch_id), wiring.processes())
        items = list(batch_items(session.database, batch_id, item_state.value if item_state else None, limit))
    document: dict[str, object] = {"batch": batch_document(batch), "items": items}
    state, itself = session.state, f"billing batches show {batch_id}"
    next_steps = state.next_steps([] if batch.next_command == itself else [batch.next_command])
    state.emit("batch", document, BatchView(batch, items), next_steps)
    return 0


@batches_app.command()
def resume(
    ctx: typer.Context,
    batch_id: BatchId,
    workers: Workers = None,
    rate: Rate = None,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Finish a batch that was interrupted, under the identifiers it already has.

    Without --confirm it only shows what is left of it.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing batches resume exp_20261124_023802_d76c4e40
    LIVE=true billing batches resume exp_20261124_023802_d76c4e40 --confirm
    """
    with open_session(ctx) as session:
        sending = SendOptions(workers, rate)
        command = ResumeCommand(session, batch_id, ["batches", "resume", batch_id, *sending.words], sending)
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


@dataclass(frozen=True)
class ResumeCommand:
    session: Session
    batch_id: str
    words: list[str]
    sending: SendOptions = ALONE
    noun: str = "batch-resume"

    def plan(self) -> ResumePlan:
        from billing_cli import wiring
        from billing_cli.usecases.batches import plan_resume

        return plan_resume(self.session.database, wiring.stripe_reader(self.session.settings), self.batch_id)

    def document(self, plan: ResumePlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.batches import batch_document
        from billing_cli.render.gates import gates_document

        return {**gates_document(plan, gates), "batch": batch_document(plan.batch)}

    def view(self, plan: ResumePlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.resume import ResumePlanView

        return ResumePlanView(plan, gates, self.session.state.command)

    def run(self, approved: ApprovedPlan[ResumePlan]) -> int:
        from billing_cli.cli.outcome import exit_code
        from billing_cli.cli.sending import sending_environment
        from billing_cli.render.batches import next_commands, render_runs, run_document
        from billing_cli.usecases.batches import resume_batch

        state = self.session.state
        with sending_environment(self.session, approved, self.sending) as environment:
            runs = resume_batch(environment)
        document: dict[str, object] = {"digest": approved.plan.digest, "batches": [run_document(run) for run in runs]}
        state.emit(self.noun, document, render_runs(runs), state.next_steps(next_commands(runs)))
        return exit_code(runs)


def resume_from(session: Session, request: Mapping[str, Any], words: list[str]) -> ResumeCommand:
    """The command of a plan file."""
    return ResumeCommand(session, request["batch"], words)


batches_app.command()(verify)
batches_app.command()(rollback)
