"""`billing export`: usage in Postgres becomes billed usage in Stripe."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from billing_cli.cli.options import (
    ALONE,
    Confirm,
    Expect,
    OnlyCompany,
    Period,
    PlanOut,
    Rate,
    SendOptions,
    SignKey,
    Verify,
    VerifyFor,
    Workers,
    WriteOptions,
    send_options,
)
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.state import warn
from billing_cli.cli.write import carry_out
from billing_cli.domain.batch import BatchRun
from billing_cli.domain.export import ExportPlan, ExportRequest
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.meter import Backend
from billing_cli.domain.period import OUTSTANDING, chosen_window, window_from_bounds
from billing_cli.domain.verify_plan import VerifyPlan

if TYPE_CHECKING:
    from rich.console import RenderableType


def export(
    ctx: typer.Context,
    start: Annotated[str | None, typer.Option(help="First day or full hour, UTC.", metavar="DATE")] = None,
    end: Annotated[
        str | None, typer.Option(help="Last day (included) or full hour (excluded), UTC.", metavar="DATE")
    ] = None,
    period: Period = None,
    company: OnlyCompany = None,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="Only this meter.")] = None,
    allow_corrections: Annotated[
        bool,
        typer.Option("--allow-corrections", help="Also send corrections that shrink the total of a billing period."),
    ] = False,
    all_lines: Annotated[bool, typer.Option("--all", help="Show every line, not only the largest.")] = False,
    resend_rolled_back: Annotated[
        bool, typer.Option("--resend-rolled-back", help="Also send what was rolled back.")
    ] = False,
    backend: Annotated[
        Literal["events", "stream"] | None,
        typer.Option(help="How meter events go, whatever billing.toml says: one by one, or over the stream."),
    ] = None,
    workers: Workers = None,
    rate: Rate = None,
    verify: Verify = False,
    verify_for: VerifyFor = 15,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Send usage to Stripe's meters: usage minus what was sent.

    Without dates it takes all hours that Stripe still accepts: the last 35 days. Without --confirm it only shows what
    it would do. Running it again is always safe.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing export
    LIVE=true billing export --confirm --expect 4b76ccf6c5e80e8d
    LIVE=true billing export --start 2026-10-01 --end 2026-10-31 --confirm --verify
    """
    chosen = Backend(backend) if backend else None
    if start is None and end is None:
        period = period or OUTSTANDING
    window = chosen_window(start, end, period, datetime.now(UTC))
    request = ExportRequest(window, company, meter, allow_corrections, resend_rolled_back, chosen)
    with open_session(ctx) as session:
        sending = send_options(workers, rate, verify, verify_for)
        command = ExportCommand(session, request, _words(request, period) + sending.words, all_lines, sending)
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


@dataclass(frozen=True)
class ExportCommand:
    session: Session
    request: ExportRequest
    words: list[str]
    all_lines: bool = False
    sending: SendOptions = ALONE
    noun: str = "export"

    def plan(self) -> ExportPlan:
        from billing_cli import wiring

        plan = wiring.export_planner(self.session.settings, self.session.database).plan(self.request)
        if self.session.state.json or not sys.stdout.isatty():
            # On a terminal the plan itself shows them.
            for warning in plan.warnings:
                warn(warning.code, warning.sentence)
        return plan

    def document(self, plan: ExportPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.export import export_document

        return export_document(plan, gates)

    def view(self, plan: ExportPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.export import ExportPlanView

        return ExportPlanView(plan, gates, self.all_lines)

    def run(self, approved: ApprovedPlan[ExportPlan]) -> int:
        from billing_cli.cli.outcome import exit_code
        from billing_cli.cli.sending import sending_environment
        from billing_cli.render.batches import next_commands
        from billing_cli.render.export import export_result_document, render_result
        from billing_cli.render.verify import next_verifications
        from billing_cli.usecases.export import run_export

        plan, state = approved.plan, self.session.state
        with sending_environment(self.session, approved, self.sending) as environment:
            runs = run_export(environment)
        verified = self._verified(approved, runs)
        state.emit(
            self.noun,
            export_result_document(plan, runs, verified),
            render_result(plan, runs, verified),
            state.next_steps([*next_commands(runs), *next_verifications(verified)]),
        )
        return exit_code(runs, plan.alarming, verified)

    def _verified(self, approved: ApprovedPlan[ExportPlan], runs: Sequence[BatchRun]) -> list[VerifyPlan]:
        """What Stripe's totals say, once all is sent and where that was asked for."""
        from billing_cli.cli.verify import wait_for_totals

        for_s = self.sending.verify_for_s
        if for_s is None or not all(run.finished for run in runs):
            return []
        return wait_for_totals(self.session, approved, runs, for_s)


def export_from(session: Session, request: Mapping[str, Any], words: list[str]) -> ExportCommand:
    """The command of a plan file."""
    window = window_from_bounds(request["start"], request["end"], datetime.now(UTC))
    backend = Backend(request["backend"]) if request["backend"] else None
    narrowed = (request["company"], request["meter"], request["allow_corrections"], request["resend_rolled_back"])
    return ExportCommand(session, ExportRequest(window, *narrowed, backend), words)


def _words(request: ExportRequest, period: str | None) -> list[str]:
    words = ["export"]
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
    words += ["--resend-rolled-back"] if request.resend_rolled_back else []
    return words + (["--backend", request.backend.value] if request.backend else [])
