"""`billing export`: usage in Postgres becomes billed usage in Stripe."""

import shlex
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.state import State, state_of
from billing_cli.domain.errors import BadInput
from billing_cli.domain.gate import ApprovedPlan, Gates, approve
from billing_cli.domain.period import PERIODS, Window, window_from_bounds, window_from_period
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS

if TYPE_CHECKING:
    from billing_cli.domain.export import ExportPlan, ExportRequest
    from billing_cli.domain.ports import Database
    from billing_cli.settings import Settings


def export(
    ctx: typer.Context,
    start: Annotated[str | None, typer.Option(help="First day or full hour, UTC.", metavar="DATE")] = None,
    end: Annotated[
        str | None, typer.Option(help="Last day (included) or full hour (excluded), UTC.", metavar="DATE")
    ] = None,
    period: Annotated[str | None, typer.Option(help=f"Instead of dates: {', '.join(PERIODS)}.", metavar="NAME")] = None,
    company: Annotated[str | None, typer.Option(help="Only this company.")] = None,
    meter: Annotated[str | None, typer.Option(help="Only this meter.")] = None,
    allow_corrections: Annotated[
        bool, typer.Option("--allow-corrections", help="Also send negative events where a total shrank.")
    ] = False,
    all_lines: Annotated[bool, typer.Option("--all", help="Show every line, not only the largest.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Write; needs LIVE=true in the environment too.")] = False,
    expect: Annotated[
        str | None, typer.Option(help="Refuse any plan but the one with this digest.", metavar="DIGEST")
    ] = None,
) -> int:
    """Send usage to Stripe's meters: what the usage says minus what was sent.

    Without --confirm it only shows what it would do. Running it again is always safe.

    billing export --period yesterday

    LIVE=true billing export --start 2026-10-01 --end 2026-10-31 --confirm
    """
    from billing_cli import wiring
    from billing_cli.domain.export import ExportRequest
    from billing_cli.render.export import ExportPlanView, export_document

    state = state_of(ctx)
    request = ExportRequest(_window(start, end, period), company, meter, allow_corrections)
    settings = state.settings()
    gates = Gates(confirm, settings.live, expect)
    with closing(wiring.open_database(settings)) as database:
        plan = wiring.export_planner(settings, database).plan(request)
        if not (state.json and gates.open):
            document, view = export_document(plan, gates), ExportPlanView(plan, gates, all_lines)
            command = "" if gates.open else _next_command(state, request, period, plan.digest)
            state.emit("export", document, view, command)
        approved = approve(plan, gates)
        return 0 if approved is None else _run(state, settings, database, approved)


def _run(state: State, settings: "Settings", database: "Database", approved: "ApprovedPlan[ExportPlan]") -> int:
    from billing_cli import wiring
    from billing_cli.cli.observer import ConsoleObserver
    from billing_cli.cli.outcome import exit_code
    from billing_cli.render.export import export_result_document, render_result
    from billing_cli.usecases.export import run_export

    plan = approved.plan
    with ConsoleObserver(state) as observer:
        runs = run_export(approved, wiring.run_environment(settings, database, observer))
    state.emit("export", export_result_document(plan, runs), render_result(plan, runs))
    return exit_code(runs, bool(plan.to_mend))


def _window(start: str | None, end: str | None, period: str | None) -> Window:
    now = datetime.now(UTC)
    if period is not None and start is None and end is None:
        return window_from_period(period, now)
    if period is None and start is not None and end is not None:
        return window_from_bounds(start, end, now)
    raise BadInput(
        "Say which usage: either --period, or both --start and --end.",
        "For example: billing export --period yesterday",
    )


def _next_command(state: State, request: "ExportRequest", period: str | None, digest: str) -> str:
    words = ["billing", *state.global_words, "export"]
    if period:
        words += ["--period", period]
    else:
        words += [
            "--start",
            f"{request.window.start:%Y-%m-%dT%H:%MZ}",
            "--end",
            f"{request.window.end:%Y-%m-%dT%H:%MZ}",
        ]
    for option, value in (("--company", request.company), ("--meter", request.meter)):
        words += [option, value] if value else []
    words += ["--allow-corrections"] if request.allow_corrections else []
    return "LIVE=true " + shlex.join([*words, "--confirm", "--expect", digest[:SHOWN_DIGEST_CHARS]])
