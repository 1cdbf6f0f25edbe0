"""Batches and their items, as tables and as JSON documents."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from billing_cli.domain.batch import BatchRun, BatchSummary
from billing_cli.render.numbers import grouped, hours_left, minute

# In the order in which they are shown.
_STATE_STYLES = {
    "pending": "",
    "sending": "yellow",
    "accepted": "green",
    "rejected": "red",
    "ambiguous": "bold red",
    "missing": "bold red",
    "cancelling": "yellow",
    "cancelled": "dim",
}
_ALWAYS_SHOWN = ("pending", "sending", "accepted", "rejected", "ambiguous")


def batch_document(batch: BatchSummary) -> dict[str, object]:
    return {**vars(batch), "next_command": batch.next_command}


def run_document(run: BatchRun) -> dict[str, object]:
    return {**batch_document(run.batch), "stopped": run.stopped}


def render_batches(batches: Iterable[BatchSummary]) -> RenderableType:
    table = Table(header_style="bold")
    table.add_column("batch", overflow="fold")
    table.add_column("state")
    rows = [(batch, _counts(batch)) for batch in batches]
    names = [name for name in _STATE_STYLES if name in _ALWAYS_SHOWN or any(counts[name] for _, counts in rows)]
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for batch, counts in rows:
        table.add_row(batch.batch_id, batch.state, *(grouped(counts[name]) for name in names))
    return table if table.row_count else Text("There are no batches yet.")


def _counts(batch: BatchSummary) -> dict[str, int]:
    return {name: getattr(batch, name) for name in _STATE_STYLES}


def render_runs(runs: Iterable[BatchRun]) -> RenderableType:
    """How each run ended, and the next command where one is needed."""
    return Group(*map(_render_run, runs)) if runs else Text("Nothing was left to send.", "bold green")


def _render_run(run: BatchRun) -> Text:
    batch = run.batch
    text = Text.assemble(
        ("Batch ", "dim"), (batch.batch_id, "bold"), f"  {batch.accepted:,} of {batch.items:,} accepted"
    )
    unsure = ((batch.rejected, "rejected"), (batch.ambiguous, "ambiguous"), (batch.missing, "missing"))
    for count, name in (*unsure, (batch.left, "left")):
        if count:
            text.append(f", {count:,} {name}", "red")
    if run.stopped:
        text.append(f"  ({run.stopped})", "yellow")
    if batch.left or batch.rejected or batch.ambiguous or batch.missing:
        text.append(f"\nNext: {batch.next_command}", "cyan")
    return text


def render_batch(batch: BatchSummary, items: Iterable[Mapping[str, Any]]) -> RenderableType:
    """One batch: its counts, Stripe's windows, its items, and the next command."""
    mode = Text("LIVE", "bold white on red") if batch.livemode else Text("test mode", "green")
    head = Text.assemble(
        ("Batch ", "dim"), (batch.batch_id, "bold"), f"  {batch.state}  {batch.stripe_account_id} ", mode
    )
    facts = Table.grid(padding=(0, 2))
    facts.add_row("window", f"{batch.window_start} up to {batch.window_end}")
    facts.add_row("opened", f"{batch.opened_at} by {batch.actor}")
    facts.add_row("deduplicated by Stripe for", hours_left(batch.dedup_left_s))
    facts.add_row("can be cancelled for", hours_left(batch.cancel_left_s))
    if batch.runners > 1:
        facts.add_row(
            "sent by", f"{batch.runners} runners; last heard of: {batch.runner}, {batch.runner_silent_s} s ago"
        )
    elif batch.runner:
        facts.add_row("sent by", f"{batch.runner}, silent for {batch.runner_silent_s} s")
    counts = _counts(batch).items()
    shown = ", ".join(f"{grouped(count)} {name}" for name, count in counts if count or name in _ALWAYS_SHOWN)
    return Group(head, facts, Text(shown), _items(items), Text(f"Next: {batch.next_command}", "cyan"))


def _items(items: Iterable[Mapping[str, Any]]) -> RenderableType:
    table = Table(header_style="bold")
    table.add_column("company", overflow="fold")
    table.add_column("meter", overflow="fold")
    table.add_column("hour", overflow="fold")
    table.add_column("quantity", justify="right", overflow="fold")
    table.add_column("state")
    table.add_column("tries", justify="right")
    table.add_column("request", overflow="fold")
    table.add_column("error", overflow="fold")
    for item in items:
        state = item["state"]
        table.add_row(
            item["company_id"],
            item["meter"],
            _hour(item),
            item["quantity"],
            Text(state, _STATE_STYLES[state]),
            str(item["attempts"]),
            item["request_id"] or "",
            item["error"] or "",
        )
    return table


def _hour(item: Mapping[str, Any]) -> str:
    """The hour of the usage, and where Stripe counts it if that is in another one."""
    used, counted = minute(item["bucket_start"]), minute(item["event_at"])
    return used if used[:13] == counted[:13] else f"{used} → {counted}"
