"""A comparison is run, written to a file, shown, and kept where that was asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from billing_cli.cli.options import WriteOptions
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.progress import ConsoleCount
from billing_cli.cli.session import Session
from billing_cli.cli.write import carry_out
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.ports import Workbench
from billing_cli.domain.reconciliation import Report, Source, Subject, Window
from billing_cli.domain.reconciliation_save import SavePlan, plan_save

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class ReconcileRun:
    """One run, and the command that keeps it."""

    session: Session
    workbench: Workbench
    subject: Subject
    window: Window
    source: Source
    out: Path | None
    limit: int
    noun: str = "reconciliation"

    @cached_property
    def report(self) -> Report:
        from billing_cli import wiring

        with ConsoleCount(self.session.state, "rows read") as progress:
            reconciler = wiring.reconciler(self.session.settings, self.session.database, self.workbench, progress)
            return reconciler.run(self.subject, self.window, self.source, self.limit)

    @property
    def words(self) -> list[str]:
        words = ["reconcile", self.subject.value]
        words += ["--start", self.window.start.isoformat(), "--end", self.window.end.isoformat(), "--save"]
        if self.source.file:
            words += ["--stripe-csv", str(self.source.file)]
        return words + (["--from-report"] if self.source.report else [])

    def plan(self) -> SavePlan:
        request = {"subject": self.subject.value, "source": self.source.name}
        return plan_save(self.report, self.workbench.named_differences(), request)

    def document(self, plan: SavePlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.gates import gates_document
        from billing_cli.render.reconcile import report_document

        return report_document(plan.report) | gates_document(plan, gates)

    def view(self, plan: SavePlan, gates: Gates) -> "RenderableType":
        from rich.console import Group

        from billing_cli.render.gates import render_gates
        from billing_cli.render.reconcile import ReportView

        return Group(ReportView(plan.report, str(self.out) if self.out else None), render_gates(plan, gates))

    def run(self, approved: ApprovedPlan[SavePlan]) -> int:
        from billing_cli.render.reconcile import report_document
        from billing_cli.usecases.reconcile import save_run

        session = self.session
        kept = save_run(approved, session.database, session.settings.actor)
        told = f"Saved as run {kept['reconciliation_id']}: {kept['appeared']:,} new, {kept['gone']:,} gone."
        session.state.emit(self.noun, report_document(self.report) | {"kept": kept}, told)
        return self.code

    @property
    def code(self) -> int:
        return 0 if self.report.agrees else EXIT_FOUND_WRONG

    def write_out(self, report: Report) -> None:
        from billing_cli import wiring
        from billing_cli.render.reconcile import write_json
        from billing_cli.render.reconcile_html import write_html

        if self.out is None:
            return
        if self.out.suffix in (".json", ".html"):
            write = write_json if self.out.suffix == ".json" else write_html
            wiring.write_file(self.out, write(report, self.workbench.findings()))
        else:
            self.workbench.write(self.out)


def finish(run: ReconcileRun, save: bool, confirm: bool, expect: str | None) -> int:
    """Returns the exit code: of the gate where it refuses, else whether the sides agree."""
    from billing_cli.render.reconcile import ReportView, report_document

    report = run.report
    run.write_out(report)
    if save:
        return carry_out(run.session, run, WriteOptions(confirm, expect)) or run.code
    view = ReportView(report, str(run.out) if run.out else None)
    run.session.state.emit(run.noun, report_document(report), view)
    return run.code
