"""`billing batches`: what an export did, and what to do next."""

import shlex
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.state import State, state_of
from billing_cli.domain.batch import ItemState
from billing_cli.domain.gate import Gates, approve
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS

if TYPE_CHECKING:
    from billing_cli.domain.batch import ResumePlan

batches_app = typer.Typer(help="What an export did, and what to do next.", no_args_is_help=True)


@batches_app.command("list")
def list_batches(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
) -> int:
    """The latest batches and their counts."""
    from billing_cli import wiring
    from billing_cli.render.batches import batch_document, render_batches
    from billing_cli.usecases.batches import list_batches as load

    state = state_of(ctx)
    with closing(wiring.open_database(state.settings())) as database:
        batches = load(database, limit)
    state.emit("batches", {"batches": [batch_document(batch) for batch in batches]}, render_batches(batches))
    return 0


@batches_app.command()
def show(
    ctx: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="BATCH")],
    item_state: Annotated[
        ItemState | None,
        typer.Option("--state", help="Only items in this state."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many items.")] = 50,
) -> int:
    """One batch: each item with its state, attempts and Stripe request, and the hours left to act."""
    from billing_cli import wiring
    from billing_cli.render.batches import batch_document, render_batch
    from billing_cli.usecases.batches import batch_items, show_batch

    state = state_of(ctx)
    with closing(wiring.open_database(state.settings())) as database:
        batch = show_batch(database, batch_id)
        items = list(batch_items(database, batch_id, item_state.value if item_state else None, limit))
    state.emit("batch", {"batch": batch_document(batch), "items": items}, render_batch(batch, items))
    return 0


@batches_app.command()
def resume(
    ctx: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="BATCH")],
    confirm: Annotated[bool, typer.Option("--confirm", help="Write; needs LIVE=true in the environment too.")] = False,
    expect: Annotated[str | None, typer.Option(metavar="DIGEST", help="Refuse any plan but this one.")] = None,
) -> int:
    """Finish a batch that was interrupted, under the identifiers it already has."""
    from billing_cli import wiring
    from billing_cli.cli.observer import ConsoleObserver
    from billing_cli.cli.outcome import exit_code
    from billing_cli.render.batches import batch_document, render_runs
    from billing_cli.render.gates import gates_document
    from billing_cli.render.resume import ResumePlanView
    from billing_cli.usecases.batches import plan_resume, resume_batch

    state = state_of(ctx)
    settings = state.settings()
    gates = Gates(confirm, settings.live, expect)
    with closing(wiring.open_database(settings)) as database:
        plan = plan_resume(database, wiring.stripe_reader(settings), batch_id)
        if not (state.json and gates.open):
            document = {**gates_document(plan, gates), "batch": batch_document(plan.batch)}
            state.emit(
                "batch-resume",
                document,
                ResumePlanView(plan, gates),
                "" if gates.open else _confirm_command(state, plan),
            )
        approved = approve(plan, gates)
        if approved is None:
            return 0
        with ConsoleObserver(state) as observer:
            runs = resume_batch(approved, wiring.run_environment(settings, database, observer))
    state.emit("batch-resume", {"batches": [batch_document(run.batch) for run in runs]}, render_runs(runs))
    return exit_code(runs)


def _confirm_command(state: State, plan: "ResumePlan") -> str:
    words = ["billing", *state.global_words, "batches", "resume", plan.batch.batch_id]
    return "LIVE=true " + shlex.join([*words, "--confirm", "--expect", plan.digest[:SHOWN_DIGEST_CHARS]])
