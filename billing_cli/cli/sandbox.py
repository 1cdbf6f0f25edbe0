"""`billing sandbox`: a private Stripe and Postgres to rehearse on."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.completion import words
from billing_cli.cli.help import CommandGroup
from billing_cli.cli.state import state_of
from billing_cli.sandbox.place import DEFAULT_DIRECTORY, typed

if TYPE_CHECKING:
    from rich.table import Table

    from billing_cli.sandbox.lifecycle import Server

sandbox_app = CommandGroup("Run a private Stripe and Postgres to rehearse on.")

Directory = Annotated[Path, typer.Option("--directory", metavar="PATH", help="Where the sandbox lives.")]


@sandbox_app.command()
def up(
    ctx: typer.Context,
    directory: Directory = DEFAULT_DIRECTORY,
    rate: Annotated[float, typer.Option(min=0, metavar="N", help="Meter events a second; 0 is no limit.")] = 1000.0,
    stripe_port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="A free one if left out.")
    ] = None,
    postgres_port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="A free one if left out.")
    ] = None,
) -> int:
    """Start both servers, apply the migrations, write the env file. Harmless when they run already.

    Writes: the sandbox's directory
    Needs: nothing

    Examples:
    billing sandbox up
    billing sandbox up --directory /tmp/rehearsal --rate 0
    """
    from billing_cli.sandbox import lifecycle
    from billing_cli.wiring import migrate_database

    state = state_of(ctx)
    sandbox = lifecycle.up(directory, migrate_database, rate=rate, stripe_port=stripe_port, postgres_port=postgres_port)
    servers = lifecycle.status(directory)
    document: dict[str, object] = {"env_file": str(sandbox.env_file), "servers": _documents(servers)}
    state.emit("sandbox", document, _table(servers))
    export = shlex.join(["billing", "--env-file", str(sandbox.env_file), "export", "--period", "yesterday"])
    state.err.print(f"Next: {typed('seed', directory)}, then:", soft_wrap=True)
    state.err.print(f"  {export}", soft_wrap=True)
    return 0


@sandbox_app.command()
def down(ctx: typer.Context, directory: Directory = DEFAULT_DIRECTORY) -> int:
    """Stop both servers and keep their data. Harmless when nothing runs.

    Writes: the sandbox's directory
    Needs: nothing

    Examples:
    billing sandbox down
    billing sandbox down --directory /tmp/rehearsal
    """
    from billing_cli.sandbox import lifecycle

    stopped = lifecycle.down(directory)
    names = " and ".join(server.name for server in stopped)
    sentence = f"Stopped {names}." if stopped else f"Nothing was running in {directory}."
    state_of(ctx).emit("sandbox", {"stopped": [server.name for server in stopped]}, sentence)
    return 0


@sandbox_app.command()
def status(ctx: typer.Context, directory: Directory = DEFAULT_DIRECTORY) -> int:
    """Show each server: address, process, state. Exit 3 where one does not run.

    Writes: nothing
    Needs: nothing

    Examples:
    billing sandbox status
    billing --json sandbox status --directory /tmp/rehearsal
    """
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
        typer.Option(
            "--csv", metavar="FILE", help="Your usage rows: company_id, meter, quantity, occurred_at[, source_id]."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(metavar="N", help="Usage rows to make.")] = 100_000,
    companies: Annotated[int, typer.Option(metavar="N", help="Companies they belong to.")] = 200,
    days: Annotated[int, typer.Option(metavar="N", help="Days before yesterday that get some rows.")] = 7,
    number: Annotated[int, typer.Option("--seed", metavar="N", help="Another number makes other rows.")] = 1,
) -> int:
    """Fill the database with dirty usage, the same every time, or with your own; and Stripe to match.

    Writes: the sandbox's Postgres and Stripe
    Needs: nothing

    Examples:
    billing sandbox seed
    billing sandbox seed --rows 1000000 --companies 2000
    billing sandbox seed --csv usage.csv
    """
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
        str | None,
        typer.Argument(
            metavar="KIND",
            help="status, delay, lost_reply, reset, gateway or double.",
            autocompletion=words("status", "delay", "lost_reply", "reset", "gateway", "double"),
        ),
    ] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    clear: Annotated[bool, typer.Option("--clear", help="Switch every fault off.")] = False,
    endpoint: Annotated[
        str, typer.Option(metavar="PATH", help="Of which requests: paths that start like this.")
    ] = "/v1/billing/meter_events",
    probability: Annotated[float, typer.Option(min=0, max=1, metavar="P", help="How often, 1 being always.")] = 1.0,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many times.")] = None,
    http_status: Annotated[
        int | None,
        typer.Option("--status", min=200, max=599, metavar="CODE", help="Of a status fault (500) or a gateway's."),
    ] = None,
    lie: Annotated[
        str | None,
        typer.Option(
            metavar="LIE",
            help="Of a gateway: page, json, redirect, other, altered, empty, cut, conflict or imitation.",
        ),
    ] = None,
    field: Annotated[
        str, typer.Option(metavar="NAME", help="Which field an altered object has another value in; all if left out.")
    ] = "",
    location: Annotated[str, typer.Option(metavar="URL", help="Where a gateway redirects to.")] = "",
    body: Annotated[str, typer.Option(metavar="TEXT", help="What a gateway's page or json contains.")] = "",
    method: Annotated[str, typer.Option(metavar="METHOD", help="Of which requests: GET, POST; all if left out.")] = "",
    delay_s: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long, for a delay fault.")] = 1.0,
    commit: Annotated[bool, typer.Option("--commit", help="Stripe carries the request out all the same.")] = False,
    number: Annotated[int, typer.Option("--seed", metavar="N", help="Makes the chances repeatable.")] = 0,
) -> int:
    """Make the sandbox's Stripe fail in a chosen way: an error, a delay, a lost reply, a gateway's answer.

    Without a kind it lists the faults that are on. double sends each request to Stripe twice at once.

    Writes: the sandbox's Stripe
    Needs: nothing

    Examples:
    billing sandbox fault lost_reply --probability 0.05
    billing sandbox fault status --status 429 --count 20
    billing sandbox fault gateway --lie page --status 404 --commit
    billing sandbox fault --clear
    """
    from billing_cli.sandbox.lifecycle import opened
    from billing_cli.sandbox.stripe_control import ask

    stripe_url = opened(directory).stripe_url
    if clear:
        ask(stripe_url, "DELETE", "faults")
    if kind is not None:
        wish = {"kind": kind, "endpoint": endpoint, "probability": probability, "count": count}
        wish |= {"status": http_status, "delay_s": delay_s, "commit": commit, "seed": number, "lie": lie}
        wish |= {"field": field, "location": location, "body": body, "method": method}
        ask(stripe_url, "POST", "faults", wish)
    faults = ask(stripe_url, "GET", "faults")["faults"]
    state_of(ctx).emit("sandbox", {"faults": faults}, _fault_table(faults) if faults else "No faults.")
    return 0


@sandbox_app.command()
def demo(
    ctx: typer.Context,
    rows: Annotated[int, typer.Option(min=1000, metavar="N", help="Usage rows to make.")] = 100_000,
    companies: Annotated[int, typer.Option(min=10, metavar="N", help="Companies they belong to.")] = 200,
) -> int:
    """Show the main job, a crash included, in a sandbox that is deleted afterwards.

    Writes: a temporary directory
    Needs: nothing

    Examples:
    billing sandbox demo
    billing sandbox demo --rows 10000 --companies 50
    """
    from billing_cli.sandbox.demo import Demo
    from billing_cli.wiring import migrate_database

    return Demo(migrate_database, state_of(ctx).console.print, rows, companies).run()


def _documents(servers: "list[Server]") -> list[dict[str, object]]:
    return [dict(vars(server)) for server in servers]


def _table(servers: "list[Server]") -> "Table":
    from billing_cli.render.columns import Columns

    table = Columns()
    for name in ("server", "address", "pid", "state"):
        table.add_column(name)
    for server in servers:
        table.add_row(server.name, server.address, str(server.pid or "-"), server.state)
    return table


def _fault_table(faults: list[dict[str, object]]) -> "Table":
    from billing_cli.render.columns import Columns

    columns = ("kind", "lie", "method", "endpoint", "probability", "count", "status", "delay_s", "commit", "hits")
    table = Columns()
    for name in columns:
        table.add_column(name)
    for one in faults:
        table.add_row(*(str("-" if one[column] in (None, "") else one[column]) for column in columns))
    return table
