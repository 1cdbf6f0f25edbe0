"""`billing db`: the tables and functions this program needs in Postgres."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.help import CommandGroup
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.state import state_of

if TYPE_CHECKING:
    from billing_cli.cli.state import State
    from billing_cli.domain.ports import Migrator

db_app = CommandGroup("Show and apply the tables and functions that billing needs in Postgres.")


@db_app.command()
def migrate(
    ctx: typer.Context,
    confirm: Annotated[bool, typer.Option("--confirm", help="Apply; LIVE is not needed for the schema.")] = False,
    print_sql: Annotated[bool, typer.Option("--print", help="Write the pending SQL to stdout instead.")] = False,
    print_to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write it to a file there instead, named as Supabase names migrations."),
    ] = None,
) -> int:
    """Show what the database lacks, and apply it with --confirm.

    Writes: database (with --confirm; LIVE is not needed)
    Needs: database URL

    Examples:
    billing db migrate
    billing db migrate --confirm
    billing db migrate --print > billing.sql
    billing db migrate --print-to supabase/migrations
    """
    from rich.text import Text

    from billing_cli import wiring
    from billing_cli.usecases.migrations import apply_pending, pending

    state = state_of(ctx)
    settings = state.settings()
    migrator = wiring.migrator(settings.require_db_url())
    if print_sql:
        typer.echo(migrator.script(pending(migrator), settings.actor), nl=False)
        return 0
    if print_to is not None:
        return _print_to(state, migrator, print_to)
    if confirm:
        applied = apply_pending(migrator, settings.actor)
        text = "\n".join(f"applied sql/{file.name}" for file in applied) or "The database is up to date."
        state.emit("migration", {"applied": [file.name for file in applied]}, Text(text))
        return 0
    return _rehearse(state, migrator)


def _print_to(state: "State", migrator: "Migrator", directory: Path) -> int:
    """Writes the script if anything is pending. The name has the time of now, after all former ones."""
    from billing_cli import wiring
    from billing_cli.domain.migrations import supabase_file_name
    from billing_cli.usecases.migrations import pending

    files = pending(migrator)
    if not files:
        state.err.print("The database is up to date; no file was written.")
        return 0
    path = directory / supabase_file_name(wiring.clock())
    wiring.check_place(path)
    wiring.write_file(path, migrator.script(files, state.settings().actor).encode())
    state.err.print(f"Wrote {len(files)} files of SQL to {path}", soft_wrap=True)
    return 0


def _rehearse(state: "State", migrator: "Migrator") -> int:
    """Shows the files and the misfits, then refuses as --confirm would."""
    from billing_cli.domain.deployment import refuse_misfits
    from billing_cli.domain.migrations import pending_files
    from billing_cli.render.migrations import render_statuses, schema_document
    from billing_cli.usecases.migrations import misfits, schema_status

    waiting = pending_files(migrator.files(), migrator.applied())
    statuses, found = schema_status(migrator), misfits(migrator)
    state.emit("schema", schema_document(statuses, found), render_statuses(statuses))
    refuse_misfits(found)
    if waiting:
        next_command = state.command("billing db migrate --confirm")
        state.err.print(f"Nothing was written. To apply: {next_command}", soft_wrap=True)
    return 0


@db_app.command()
def status(ctx: typer.Context) -> int:
    """List every SQL file and whether the database has it, and differences in your relations; exit 3 on any.

    Writes: nothing
    Needs: database URL

    Examples:
    billing db status
    billing --json db status
    """
    from rich.console import Group

    from billing_cli import wiring
    from billing_cli.render.migrations import render_misfits, render_statuses, schema_document
    from billing_cli.usecases.migrations import misfits, schema_status

    state = state_of(ctx)
    migrator = wiring.migrator(state.settings().require_db_url())
    statuses, found = schema_status(migrator), misfits(migrator)
    shown = Group(render_statuses(statuses), render_misfits(found))
    state.emit("schema", schema_document(statuses, found), shown)
    is_well = not found and all(entry.state == "applied" for entry in statuses)
    return 0 if is_well else EXIT_FOUND_WRONG
