"""A batch beside Stripe's totals, as tables and as a JSON document."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from billing_cli.domain.batch import BatchSummary, ItemState
from billing_cli.domain.gate import Gates
from billing_cli.domain.quantity import exact_sum, plain
from billing_cli.domain.slot import Slot
from billing_cli.domain.verification import SAID, Change, Judged, Verdict
from billing_cli.domain.verify_plan import Comparison, VerifyPlan
from billing_cli.render.batches import batch_document
from billing_cli.render.columns import Columns
from billing_cli.render.gates import gates_document, render_gates, render_identity
from billing_cli.render.numbers import grouped
from billing_cli.render.terminal import whole

_SHOWN = 30
_STYLES = {Verdict.FOUND: "green", Verdict.LATER: "yellow"}


@dataclass(frozen=True)
class VerifyPlanView:
    """The comparison and the gates, for a terminal of any width. `typed`: a command with its global options."""

    plan: VerifyPlan
    gates: Gates
    typed: Callable[[str], str] = str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _head("Verify batch ", self.plan.batch)
        yield render_identity(self.plan.identity)
        if left := self.plan.batch.left:
            yield Text(f"{left:,} events are still to be settled, which comes first:", "yellow")
            yield whole(self.typed(self.plan.batch.next_command), "cyan")
        yield ComparisonView(self.plan.comparison)
        yield render_gates(self.plan, self.gates)


@dataclass(frozen=True)
class VerifiedView:
    """What was found and written down; the batch of the plan is as it is then."""

    plan: VerifyPlan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        batch = self.plan.batch
        yield _head("Batch ", batch)
        yield ComparisonView(self.plan.comparison)
        if batch.verified_at:
            yield Text("Verified: Stripe's totals have every event of this batch.", "bold green")


def next_verifications(plans: Iterable[VerifyPlan]) -> list[str]:
    """What to type next, of each batch that has more to send or to compare."""
    commands = []
    for batch, compared in ((plan.batch, plan.comparison) for plan in plans):
        commands += [batch.next_command] if batch.left else []
        commands += [f"LIVE=true billing batches verify {batch.batch_id} --confirm"] if compared.later else []
    return commands


@dataclass(frozen=True)
class ComparisonView:
    """Totals by verdict, those that are wrong, and what changes."""

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        compared = self.comparison
        if compared.verified_before:
            yield Text(f"{compared.verified_before:,} events were found in Stripe's totals before.", "dim")
        yield _verdicts(compared) if compared.slots else Text("Nothing is left to compare.", "green")
        if compared.usage_records:
            yield Text(f"{compared.usage_records:,} usage records cannot be verified: {_NO_TOTALS}", "yellow")
        yield from _wrong(compared)
        yield from _changes(compared)


_NO_TOTALS = "Stripe has totals of them by the billing period only."


def _head(what: str, batch: BatchSummary) -> Text:
    return Text.assemble((what, "dim"), (batch.batch_id, "bold"), f"  {batch.state}")


def _verdicts(compared: Comparison) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for verdict in Verdict:
        if count := compared.slots.get(verdict):
            table.add_row(Text(verdict.value, _STYLES.get(verdict, "red")), f"{count:,}", SAID[verdict])
    return table


def _wrong(compared: Comparison) -> Iterator[RenderableType]:
    shown = compared.shown[:_SHOWN]
    if shown:
        table = Columns(_wrong_lines(shown))
        for name in ("from", "customer", "company", "meter"):
            table.add_column(name)
        for name in ("at Stripe", "sent", "difference"):
            table.add_column(name, justify="right")
        table.add_column("verdict")
        for judged in shown:
            figures = (_figure(judged.slot.total), _sent(judged.slot), _difference(judged.slot))
            table.add_row(*_where(judged), *figures, judged.verdict.value)
        yield table
    if len(compared.shown) > _SHOWN:
        yield Text(f"… and {len(compared.shown) - _SHOWN:,} more (see --json)", "dim")
    for section in sorted({_section(judged) for judged in compared.shown}):
        yield Text(f"What to do: RUNBOOK.md, “{section}”.", "cyan")


def _section(judged: Judged) -> str:
    return "Items are ambiguous" if judged.slot.doubtful else "Stripe counts less or more than we sent"


def _wrong_lines(shown: Sequence[Judged]) -> Iterator[RenderableType]:
    for judged in shown:
        yield Text(" ".join(_where(judged)), "bold")
        slot, doubt = judged.slot, f", {grouped(judged.slot.in_doubt)} in doubt" if judged.slot.doubtful else ""
        yield Text(f"  {judged.verdict.value}: {_figure(slot.total)} at Stripe, {grouped(slot.ours)} sent{doubt}")


def _where(judged: Judged) -> tuple[str, str, str, str]:
    slot = judged.slot
    start = f"{datetime.fromtimestamp(slot.start_s, UTC):%Y-%m-%d %H:%M}Z"
    return start, slot.stripe_customer_id, *_origins(slot)


def _origins(slot: Slot) -> tuple[str, str]:
    """The companies and the usage meters whose usage was sent there, each once."""
    companies = (name for item in slot.items for name in item.company_id.split(", "))
    meters = (name for item in slot.items for name in item.meter.split(", "))
    return ", ".join(dict.fromkeys(companies)), ", ".join(dict.fromkeys(meters))


def _sent(slot: Slot) -> str:
    return grouped(slot.ours) + (f"\nin doubt {grouped(slot.in_doubt)}" if slot.doubtful else "")


def _difference(slot: Slot) -> str:
    """One figure, or both ends of what it may be."""
    if slot.differences is None:
        return "?"
    least, most = map(grouped, slot.differences)
    return least if least == most else f"{least} to {most}"


def _figure(value: Decimal | None) -> str:
    return "?" if value is None else grouped(value)


def _changes(compared: Comparison) -> Iterator[RenderableType]:
    for change in compared.changes[:_SHOWN]:
        style = "green" if change.after is ItemState.ACCEPTED else "red"
        item = change.item
        line = Text(f"{item.identifier} of {item.stripe_customer_id}: {item.state.value} → {change.after.value}", style)
        yield line.append(f"  {change.reason}", "dim") if change.reason else line
    if len(compared.changes) > _SHOWN:
        yield Text(f"… and {len(compared.changes) - _SHOWN:,} more changes (see --json)", "dim")


def verify_document(plan: VerifyPlan, gates: Gates) -> dict[str, object]:
    return gates_document(plan, gates) | verified_document(plan)


def verified_document(plan: VerifyPlan) -> dict[str, object]:
    compared = plan.comparison
    return {
        "digest": plan.digest,
        "batch": batch_document(plan.batch),
        "totals": {verdict.value: compared.slots.get(verdict, 0) for verdict in Verdict},
        "found": len(compared.found),
        "verified_before": compared.verified_before,
        "usage_records": compared.usage_records,
        "wrong": [_slot_document(judged) for judged in compared.shown],
        "changes": [_change_document(change) for change in compared.changes],
    }


def _slot_document(judged: Judged) -> dict[str, object]:
    slot, differences = judged.slot, judged.slot.differences
    company_id, meter = _origins(slot)
    return {
        "company_id": company_id,
        "stripe_customer_id": slot.stripe_customer_id,
        "meter": meter,
        "event_name": slot.event_name,
        "start": datetime.fromtimestamp(slot.start_s, UTC).isoformat(),
        "hours": slot.width_s // 3600,
        "stripe": None if slot.total is None else plain(slot.total),
        "sent": plain(slot.ours),
        "in_doubt": plain(slot.in_doubt),
        "difference": None if slot.total is None else plain(exact_sum((slot.total, -slot.ours))),
        "least_difference": None if differences is None else plain(differences[0]),
        "most_difference": None if differences is None else plain(differences[1]),
        "verdict": judged.verdict.value,
    }


def _change_document(change: Change) -> dict[str, object]:
    item = change.item
    return {
        "identifier": item.identifier,
        "company_id": item.company_id,
        "meter": item.meter,
        "value": plain(item.value),
        "before": item.state.value,
        "after": change.after.value,
        "reason": change.reason,
        "stripe_customer_id": item.stripe_customer_id,
        "event_name": item.event_name,
    }
