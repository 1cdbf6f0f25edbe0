"""The export's plan and result, as tables and as JSON documents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from itertools import groupby

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.batch import BatchRun
from billing_cli.domain.export import ExportPlan
from billing_cli.domain.gate import Gates
from billing_cli.domain.meter import Backend
from billing_cli.domain.quantity import exact_sum, plain
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.domain.usage import SkippedRows, UsageLine
from billing_cli.domain.verify_plan import VerifyPlan
from billing_cli.render.batches import batch_document, render_runs, run_document
from billing_cli.render.columns import Columns, amounts
from billing_cli.render.gates import gates_document, render_gates, render_identity
from billing_cli.render.numbers import grouped, minute, sparkline
from billing_cli.render.verify import VerifiedView, verified_document

_SHOWN_LINES = 30


@dataclass(frozen=True)
class ExportPlanView:
    """The dry run, for a terminal of any width."""

    plan: ExportPlan
    gates: Gates
    all_lines: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        window = self.plan.wanted.window
        yield Text.assemble(
            ("Export  ", "dim"),
            (f"{window.start:%Y-%m-%d %H:%M}Z", "bold"),
            " up to ",
            (f"{window.end:%Y-%m-%d %H:%M}Z", "bold"),
        )
        yield render_identity(self.plan.identity)
        yield self._lines()
        yield from self._sparklines()
        yield from self._backends()
        yield from self._carried()
        yield from self._skipped()
        for warning in self.plan.warnings[:_SHOWN_LINES]:
            yield Text(f"Warning: {warning.sentence} ({warning.code})", "yellow")
        if len(self.plan.warnings) > _SHOWN_LINES:
            yield Text(f"… and {len(self.plan.warnings) - _SHOWN_LINES} more warnings (see --json)", "yellow")
        for batch in self.plan.usage.open_batches:
            yield Text(f"Batch {batch.batch_id} is open: its {batch.left:,} unsettled events go first.", "yellow")
        yield _balance(self.plan)
        yield render_gates(self.plan, self.gates)

    def _lines(self) -> RenderableType:
        lines = [line for line in self.plan.usage.lines if line.buckets or line.correction_buckets]
        if not lines:
            return Text("Nothing to send.", "bold green")
        shown = lines if self.all_lines else _largest(lines)
        table = _table(self.plan, shown)
        if len(shown) == len(lines):
            return table
        return Group(table, Text(f"… and {len(lines) - len(shown)} smaller lines (--all shows them)", "dim"))

    def _sparklines(self) -> Iterator[RenderableType]:
        for meter, slots in self.plan.usage.slots.items():
            bars = sparkline([slots.get(slot, Decimal(0)) for slot in range(1, 25)])
            to_send = exact_sum(line.to_send for line in self.plan.usage.lines if line.event_name == meter)
            if to_send:  # where all of it was sent, the hours have nothing to do with this run
                yield Text.assemble((f"{meter}  ", "dim"), (bars, "cyan"), f"  {grouped(to_send)} to send")

    def _backends(self) -> Iterator[RenderableType]:
        for backend in Backend:
            meters = [meter for meter, by in self.plan.backends.items() if by is backend]
            if meters and backend is not Backend.EVENTS:
                yield Text.assemble(("By ", "dim"), (backend.value, "bold"), f"  {', '.join(meters)}")

    def _carried(self) -> Iterator[RenderableType]:
        """Where usage goes whose own period's invoice is final, and where it came from."""
        carried = [line for line in self.plan.usage.lines if line.carried_to]
        for line in carried if self.all_lines else carried[:_SHOWN_LINES]:
            yield Text(
                f"Carried: {line.company_id} {line.meter} {grouped(line.carried)} "
                f"from {minute(str(line.carried_from))} on into the open period, as of {minute(str(line.carried_to))}",
                "yellow",
            )
        if len(carried) > _SHOWN_LINES and not self.all_lines:
            yield Text(f"… and {len(carried) - _SHOWN_LINES} more carried lines (--all shows them)", "yellow")

    def _skipped(self) -> Iterator[RenderableType]:
        if self.plan.usage.skipped:
            yield Text("Skipped", "bold")
        for skipped in self.plan.usage.skipped:
            reason = SKIP_REASONS[skipped.reason]
            mend = skipped.reason in self.plan.to_mend
            rows = f"{grouped(skipped.usage_rows)} row{'s' * (skipped.usage_rows != 1)}"
            style, step = ("red", reason.next_step) if mend else ("dim", "nothing to do: expected")
            examples = f" (such as {', '.join(skipped.examples)})" if skipped.examples else ""
            what = f"{skipped.reason}, {reason.sentence}{examples}"
            yield Text(f"{rows}, {_both_ways(skipped)}: {what}", style)
            yield Text(f"  → {step}", "cyan" if mend else "dim")


def _both_ways(skipped: SkippedRows) -> str:
    """Additions and removals, never their sum."""
    ways = [f"{grouped(amount)} in all" for amount in (skipped.added, skipped.removed) if amount]
    return " and ".join(ways) or "0 in all"


def _largest(lines: Sequence[UsageLine]) -> list[UsageLine]:
    """The largest amounts, negative ones counted by their size, in the table's own order."""
    largest = nlargest(_SHOWN_LINES, lines, key=lambda line: max(line.to_send, -line.corrections))
    return sorted(largest, key=lambda line: (line.company_id, line.meter))


def _table(plan: ExportPlan, lines: Sequence[UsageLine]) -> Columns:
    """Quantities have no total here: each meter has a unit of its own."""
    everything = plan.usage.lines
    corrections = any(line.corrections for line in everything)
    table = Columns(_company_by_company(lines), show_footer=True)
    table.add_column("company", "total")
    table.add_column("meter")
    table.add_column("rows", grouped(sum(_rows_that_count(line) for line in everything)), justify="right")
    for name in ("quantity", "already sent"):
        table.add_column(name, justify="right")
    table.add_column("to send", justify="right", style="bold")
    if corrections:
        table.add_column("corrections", justify="right", style="red")
    table.add_column("events", grouped(plan.events), justify="right")
    for line in lines:
        cells = [line.company_id, line.meter, grouped(_rows_that_count(line)), grouped(line.quantity)]
        cells += [grouped(line.accepted + line.reserved), grouped(line.to_send)]
        cells += [grouped(line.corrections)] if corrections else []
        table.add_row(*cells, grouped(line.buckets))
    return table


def _rows_that_count(line: UsageLine) -> int:
    """Without those of corrections that are held: they are among the skipped, and the sums below add up."""
    return line.new_rows + line.sent_rows


def _company_by_company(lines: Sequence[UsageLine]) -> Iterator[RenderableType]:
    """What is to send, and in red what would be taken back."""
    for company_id, group in groupby(lines, key=lambda line: line.company_id):
        rows: list[tuple[str, str | Text]] = []
        for line in group:
            rows.append((f"  {line.meter}", Text(grouped(line.to_send), "bold")))
            rows += [("    corrections", Text(grouped(line.corrections), "red"))] if line.corrections else []
        yield from amounts(company_id, rows)


def _balance(plan: ExportPlan) -> Text:
    """Every row is somewhere; the planner has refused a plan where this does not add up."""
    return Text.assemble(
        (f"{plan.usage.window_rows:,}", "bold"),
        " usage rows = ",
        (f"{plan.new_rows:,}", "bold"),
        f" to send in {plan.events:,} meter events + ",
        (f"{plan.sent_rows:,}", "bold"),
        " already sent + ",
        (f"{plan.skipped_rows:,}", "bold"),
        " skipped",
    )


def export_document(plan: ExportPlan, gates: Gates) -> dict[str, object]:
    """The plan as JSON: quantities are strings, so that no reader rounds them."""
    return {
        **gates_document(plan, gates),
        "window": {
            "start": plan.wanted.window.start.isoformat(),
            "end": plan.wanted.window.end.isoformat(),
        },
        "rows": _rows(plan),
        "events": plan.events,
        "backends": {meter: backend.value for meter, backend in plan.backends.items()},
        "lines": [_line_document(line) for line in plan.usage.lines],
        "skipped": [
            {
                "reason": s.reason,
                "usage_rows": s.usage_rows,
                "quantity": plain(s.quantity),
                "added": plain(s.added),
                "removed": plain(s.removed),
                "buckets": s.buckets,
                "to_mend": s.reason in plan.to_mend,
                "examples": list(s.examples),
            }
            for s in plan.usage.skipped
        ],
        "warnings": [warning.sentence for warning in plan.warnings],
        "coded_warnings": _warnings(plan),
        "open_batches": [batch_document(batch) for batch in plan.usage.open_batches],
    }


def _warnings(plan: ExportPlan) -> list[dict[str, object]]:
    return [{"code": w.code, "sentence": w.sentence, "fails": w.code in plan.failing} for w in plan.warnings]


def _rows(plan: ExportPlan) -> dict[str, int]:
    return {
        "window": plan.usage.window_rows,
        "to_send": plan.new_rows,
        "sent": plan.sent_rows,
        "skipped": plan.skipped_rows,
    }


def _line_document(line: UsageLine) -> dict[str, object]:
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in vars(line).items()}


def export_result_document(
    plan: ExportPlan, runs: Sequence[BatchRun], verified: Sequence[VerifyPlan]
) -> dict[str, object]:
    return {
        "digest": plan.digest,
        "rows": _rows(plan),
        "to_mend": list(plan.to_mend),
        "batches": [run_document(run) for run in runs],
        "verified": [verified_document(found) for found in verified],
        "coded_warnings": _warnings(plan),
    }


def render_result(plan: ExportPlan, runs: Sequence[BatchRun], verified: Sequence[VerifyPlan]) -> RenderableType:
    """What was done, batch by batch."""
    lines = [render_runs(runs) if runs else Text("Nothing to send.", "bold green")]
    if plan.to_mend:
        reasons = ", ".join(plan.to_mend)
        one = plan.rows_to_mend + plan.totals_to_mend == 1
        lines.append(Text(f"{_left_out(plan)} ({reasons}) and {'needs' if one else 'need'} a person.", "red"))
    if plan.failing:
        lines.append(Text(f"Warnings that need a person: {', '.join(plan.failing)}.", "red"))
    return Group(*lines, *map(VerifiedView, verified))


def _left_out(plan: ExportPlan) -> str:
    """Rows that were not sent, and totals that changed without a new row, each counted as such."""
    rows, totals = plan.rows_to_mend, plan.totals_to_mend
    of_rows = "1 usage row was skipped" if rows == 1 else f"{rows:,} usage rows were skipped"
    of_totals = "1 hourly total was held" if totals == 1 else f"{totals:,} hourly totals were held"
    return " and ".join([of_rows] * bool(rows) + [of_totals] * bool(totals))
