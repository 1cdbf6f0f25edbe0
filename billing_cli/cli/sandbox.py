"""`billing sandbox`: a private Stripe and Postgres to rehearse on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.state import state_of

if TYPE_CHECKING:
    from rich.table import Table

    from billing_cli.sandbox.lifecycle import Server

sandbox_app = typer.Typer(help="A private Stripe and Postgres to rehearse on.", no_args_is_help=True)

Directory = Annotated[Path, typer.Option("--directory", help="Where the sandbox lives.")]
DEFAULT_DIRECTORY = Path(".sandbox")


@sandbox_app.command()
def up(
    ctx: typer.Context,
    directory: Directory = DEFAULT_DIRECTORY,
    rate: Annotated[float, typer.Option(min=0, help="Meter events a second; 0 is no limit.")] = 1000.0,
    stripe_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: a free one.")] = None,
    postgres_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: a free one.")] = None,
) -> int:
    """Start both servers, apply the migrations, write the env file. Harmless when they run already."""
    from billing_cli.sandbox import lifecycle
    from billing_cli.wiring import migrate_database

    state = state_of(ctx)
    sandbox = lifecycle.up(directory, migrate_database, rate=rate, stripe_port=stripe_port, postgres_port=postgres_port)
    servers = lifecycle.status(directory)
    document: dict[str, object] = {"env_file": str(sandbox.env_file), "servers": _documents(servers)}
    state.emit("sandbox", document, _table(servers))
    state.err.print("Next: billing sandbox seed, then:")
    state.err.print(f"  billing --env-file {sandbox.env_file} export --period yesterday", soft_wrap=True)
    return 0


@sandbox_app.command()
def down(ctx: typer.Context, directory: Directory = DEFAULT_DIRECTORY) -> int:
    """Stop both servers and keep their data. Harmless when nothing runs."""
    from billing_cli.sandbox import lifecycle

    stopped = lifecycle.down(directory)
    names = " and ".join(server.name for server in stopped)
    sentence = f"Stopped {names}." if stopped else f"Nothing was running in {directory}."
    state_of(ctx).emit("sandbox", {"stopped": [server.name for server in stopped]}, sentence)
    return 0


@sandbox_app.command()
def status(ctx: typer.Context, directory: Directory = DEFAULT_DIRECTORY) -> int:
    """Each server: address, process, state. Exit code 3 where one does not run."""
    from billing_cli.sandbox import lifecycle

    servers = lifecycle.status(directory)
    state_of(ctx).emit("sandbox", {"servers": _documents(servers)}, _table(servers))
    return 0 if all(server.state == "running" for server in servers) else 3


@sandbox_app.command()
def seed(
    ctx: typer.Context,
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Your usage rows: company_id, meter, quantity, occurred_at[, source_id]."),
    ] = None,
    rows: Annotated[int, typer.Option(help="Usage rows to make.")] = 100_000,
    companies: Annotated[int, typer.Option(help="Companies they belong to.")] = 200,
    days: Annotated[int, typer.Option(help="Days before yesterday that get some rows.")] = 7,
    number: Annotated[int, typer.Option("--seed", help="Another number makes other rows.")] = 1,
) -> int:
    """Fill the database with dirty usage, the same every time, or with your own; and Stripe to match."""
    from billing_cli.sandbox.lifecycle import opened
    from billing_cli.sandbox.seed import seed as make
    from billing_cli.sandbox.seed import seed_from_csv

    sandbox = opened(directory)
    if csv is not None:
        seeded = seed_from_csv(sandbox.database_url, sandbox.stripe_url, csv)
    else:
        seeded = make(sandbox.database_url, sandbox.stripe_url, rows=rows, companies=companies, days=days, seed=number)
    known = f" ({seeded.known_rows:,} were there already)" if seeded.known_rows else ""
    sentence = f"Added {seeded.usage_rows:,} usage rows{known}; Stripe now has {seeded.customers:,} customers."
    state_of(ctx).emit("sandbox", dict(vars(seeded)), sentence)
    return 0


@sandbox_app.command()
def fault(
    ctx: typer.Context,
    *,
    kind: Annotated[
        str | None, typer.Argument(help="status, delay, lost_reply or reset; without it, list the faults.")
    ] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    clear: Annotated[bool, typer.Option("--clear", help="Switch every fault off.")] = False,
    endpoint: Annotated[str, typer.Option(help="Paths that start like this.")] = "/v1/billing/meter_events",
    probability: Annotated[float, typer.Option(min=0, max=1)] = 1.0,
    count: Annotated[int | None, typer.Option(min=1, help="At most so many times.")] = None,
    http_status: Annotated[int, typer.Option("--status", min=400, max=599)] = 500,
    delay_s: Annotated[float, typer.Option(min=0, help="Seconds.")] = 1.0,
    commit: Annotated[bool, typer.Option("--commit", help="A status fault takes effect all the same.")] = False,
    number: Annotated[int, typer.Option("--seed", help="Makes the chances repeatable.")] = 0,
) -> int:
    """Make Stripe fail in a chosen way: an error, a delay, a reply lost after commit, a reset."""
    from billing_cli.sandbox.lifecycle import opened
    from billing_cli.sandbox.stripe_control import ask

    stripe_url = opened(directory).stripe_url
    if clear:
        ask(stripe_url, "DELETE", "faults")
    if kind is not None:
        wish = {"kind": kind, "endpoint": endpoint, "probability": probability, "count": count}
        wish |= {"status": http_status, "delay_s": delay_s, "commit": commit, "seed": number}
        ask(stripe_url, "POST", "faults", wish)
    faults = ask(stripe_url, "GET", "faults")["faults"]
    state_of(ctx).emit("sandbox", {"faults": faults}, _fault_table(faults) if faults else "No faults.")
    return 0


@sandbox_app.command()
def demo(
    ctx: typer.Context,
    rows: Annotated[int, typer.Option(min=1000, help="Usage rows to make.")] = 100_000,
    companies: Annotated[int, typer.Option(min=10, help="Companies they belong to.")] = 200,
) -> int:
    """Show the main job, a crash included, in a sandbox that is deleted afterwards."""
    from billing_cli.sandbox.demo import Demo
    from billing_cli.wiring import migrate_database

    return Demo(migrate_database, state_of(ctx).console.print, rows, companies).run()


def _documents(servers: "list[Server]") -> list[dict[str, object]]:
    return [dict(vars(server)) for server in servers]


def _table(servers: "list[Server]") -> "Table":
    from rich.table import Table

    table = Table("server", "address", "pid", "state")
    for server in servers:
        table.add_row(server.name, server.address, str(server.pid or "-"), server.state)
    return table


def _fault_table(faults: list[dict[str, object]]) -> "Table":
    from rich.table import Table

    columns = ("kind", "endpoint", "probability", "count", "status", "delay_s", "commit", "seed", "hits")
    table = Table(*columns)
    for one in faults:
        table.add_row(*(str("-" if one[column] is None else one[column]) for column in columns))
    return table
