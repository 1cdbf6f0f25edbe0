"""A rollback's plan and result, as tables and as JSON documents."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.batch import BatchSummary
from billing_cli.domain.gate import Gates
from billing_cli.domain.quantity import plain
from billing_cli.domain.rollback import FATES, Rollback, RollbackLine, RollbackPlan, remedies, resend_command
from billing_cli.render.batches import batch_document, run_document
from billing_cli.render.columns import Columns
from billing_cli.render.gates import gates_document, render_gates, render_identity
from billing_cli.render.numbers import grouped, hours_left
from billing_cli.render.terminal import whole

_SHOWN_LINES = 30
_SHOWN_REMEDIES = 3
_FINAL = (
    "Invoices that are final do not change: what is cancelled after its period's invoice was finalized "
    "stays on it, and is given back with a credit note."
)

_HELD = (
    "The next export sends nothing of what was cancelled: it holds it as rolled_back. "
    "Once it is right, an export with --resend-rolled-back sends it."
)


@dataclass(frozen=True)
class RollbackPlanView:
    """The dry run, for a terminal of any width. `typed`: a command with its global options."""

    plan: RollbackPlan
    gates: Gates
    typed: Callable[[str], str] = str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plan = self.plan
        yield Text.assemble(("Roll back batch ", "dim"), (plan.batch.batch_id, "bold"))
        yield render_identity(plan.identity)
        yield _table(plan.lines)
        if plan.events:
            yield Text(f"{plan.events:,} events to cancel; Stripe takes about 25 cancellations a second.")
            yield Text(f"Warning: {_FINAL}", "yellow")
            yield Text(_HELD)
        else:
            yield Text("Nothing is left that can be cancelled.", "bold green")
        yield from _remedies(plan.batch, [line for line in plan.lines if FATES[line.fate].mend], self.typed)
        yield render_gates(plan, self.gates)


def render_rollback(ended: Rollback, typed: Callable[[str], str] = str) -> RenderableType:
    """What became of the batch, and what to do about what stays billed."""
    batch = ended.run.batch
    text = Text.assemble(
        ("Batch ", "dim"), (batch.batch_id, "bold"), f"  {batch.cancelled:,} of {batch.items:,} cancelled"
    )
    if ended.run.stopped:
        text.append(f"  ({ended.run.stopped})", "yellow")
    held = [Text(_HELD)] if batch.cancelled and ended.run.finished else []
    return Group(_table(ended.lines), text, *_remedies(batch, ended.kept, typed), *held)


def after_rollback(ended: Rollback) -> list[str]:
    """What to type next: to go on, or, once the usage is right, to send it again."""
    batch = ended.run.batch
    if not ended.run.finished:
        return [batch.next_command]
    return [resend_command(batch)] if batch.cancelled else []


def _table(lines: Sequence[RollbackLine]) -> RenderableType:
    """Quantities have no total here: each meter has a unit of its own."""
    table = Columns()
    table.add_column("company, meter, customer")
    table.add_column("what")
    table.add_column("events", justify="right")
    table.add_column("quantity", justify="right")
    for line in lines[:_SHOWN_LINES]:
        style = "red" if FATES[line.fate].mend or line.error else ""
        cells = [
            f"{line.company_id}\n{line.meter}\n{line.stripe_customer_id}",
            _what(line),
            grouped(line.events),
            grouped(line.quantity),
        ]
        table.add_row(*cells, style=style)
    if len(lines) <= _SHOWN_LINES:
        return table
    return Group(table, Text(f"… and {len(lines) - _SHOWN_LINES} more lines (see --json)", "dim"))


def _what(line: RollbackLine) -> str:
    what = f"{line.fate}: {FATES[line.fate].sentence}"
    if line.fate == "cancel":
        what = f"{what}; {hours_left(line.cancel_left_s)} left"
    if line.fate == "cancel" and line.error:
        return f"accepted: Stripe refused to cancel some ({line.error})"
    return what


def _remedies(batch: BatchSummary, lines: Sequence[RollbackLine], typed: Callable[[str], str]) -> Iterator[Text]:
    """What to do about what stays billed: before the invoice is final, and after."""
    for line in lines[:_SHOWN_REMEDIES]:
        step = FATES[line.fate].next_step or "look at Stripe's answer, then try again; or, as for late ones:"
        yield Text.assemble((f"{line.company_id} {line.meter}, {line.fate}: ", "bold"), step)
        if not line.is_companys:
            yield Text(_elsewhere(line), "yellow")
        yield from (whole(typed(command), "cyan") for command in remedies(batch, line))
    if len(lines) > _SHOWN_REMEDIES:
        yield Text(f"… and {len(lines) - _SHOWN_REMEDIES} more that stay billed (see --json)", "dim")


def _elsewhere(line: RollbackLine) -> str:
    return (
        f"  {line.stripe_customer_id} has the usage, and is not the customer of {line.company_id} now. "
        "If its invoice is final, credit that customer in Stripe."
    )


def rollback_plan_document(plan: RollbackPlan, gates: Gates) -> dict[str, object]:
    return {
        **gates_document(plan, gates),
        "batch": batch_document(plan.batch),
        "events": plan.events,
        "lines": _documents(plan.batch, plan.lines),
        "warnings": [_FINAL] if plan.events else [],
        "resend_command": resend_command(plan.batch),
    }


def rollback_document(plan: RollbackPlan, ended: Rollback) -> dict[str, object]:
    batch = ended.run.batch
    return {
        "digest": plan.digest,
        "batch": run_document(ended.run),
        "lines": _documents(batch, ended.lines),
        "kept": sum(line.events for line in ended.kept),
        "resend_command": resend_command(batch),
    }


def _documents(batch: BatchSummary, lines: Iterable[RollbackLine]) -> list[dict[str, object]]:
    return [
        {
            **vars(line),
            "quantity": plain(line.quantity),
            "remedies": remedies(batch, line) if FATES[line.fate].mend or line.error else [],
        }
        for line in lines
    ]
