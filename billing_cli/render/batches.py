"""Batches, for people and as JSON documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.batch import BatchRun, BatchSummary
from billing_cli.render.batch_items import STATE_STYLES, render_items
from billing_cli.render.columns import Facts
from billing_cli.render.numbers import grouped, hours_left, minute

_ALWAYS_SHOWN = ("pending", "sending", "accepted", "rejected", "ambiguous")


def batch_document(batch: BatchSummary) -> dict[str, object]:
    return {**vars(batch), "next_command": batch.next_command}


def run_document(run: BatchRun) -> dict[str, object]:
    return {**batch_document(run.batch), "stopped": run.stopped}


def render_batches(batches: Sequence[BatchSummary]) -> RenderableType:
    """A line for each batch, its id whole at any width, to be copied; what it covers and its counts below."""
    return Group(*map(_listed, batches)) if batches else Text("There are no batches yet.")


def _listed(batch: BatchSummary) -> Text:
    text = Text.assemble(
        (batch.batch_id, "bold"), f"  {batch.state}  ", _mode(batch), f"\n  {_window(batch)}\n  ", _counted(batch, ())
    )
    return text.append(f"\n  the process of its runner is gone: {batch.runner}", "red") if batch.runner_gone else text


def gone_commands(batches: Iterable[BatchSummary]) -> list[str]:
    """What to type next, of each batch whose runner is gone."""
    return [batch.next_command for batch in batches if batch.runner_gone]


def _mode(batch: BatchSummary) -> Text:
    return Text("LIVE", "bold white on red") if batch.livemode else Text("test mode", "green")


def _window(batch: BatchSummary) -> str:
    return f"{minute(batch.window_start)} up to {minute(batch.window_end)}"


def _counted(batch: BatchSummary, always: Sequence[str]) -> Text:
    """How many items are in each state; of those that are not `always` shown, where there are any."""
    counts = [(name, getattr(batch, name)) for name in STATE_STYLES]
    shown = [(f"{grouped(count)} {name}", STATE_STYLES[name]) for name, count in counts if count or name in always]
    return Text(", ").join(Text(*each) for each in shown)


def render_runs(runs: Sequence[BatchRun]) -> RenderableType:
    """How each run ended."""
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
    return text


def next_commands(runs: Iterable[BatchRun]) -> list[str]:
    """What to type next, of each run that needs it."""
    batches = [run.batch for run in runs]
    return [batch.next_command for batch in batches if batch.left or batch.rejected or batch.ambiguous or batch.missing]


@dataclass(frozen=True)
class BatchView:
    """One batch: its counts, Stripe's windows and its items, for a terminal of any width."""

    batch: BatchSummary
    items: Sequence[Mapping[str, Any]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        batch = self.batch
        head = (("Batch ", "dim"), (batch.batch_id, "bold"), f"  {batch.state}  {batch.stripe_account_id} ")
        yield Text.assemble(*head, _mode(batch))
        yield _facts(batch)
        yield _counted(batch, _ALWAYS_SHOWN)
        yield from render_items(self.items)


def _facts(batch: BatchSummary) -> RenderableType:
    rows = [("window", _window(batch)), ("opened", f"{minute(batch.opened_at)} by {batch.actor}")]
    if batch.verified_at:
        rows.append(("found in Stripe's totals", minute(batch.verified_at)))
    rows.append(("deduplicated by Stripe for", hours_left(batch.dedup_left_s)))
    rows.append(("can be cancelled for", hours_left(batch.cancel_left_s)))
    if batch.runners > 1:
        last = f"last heard of: {batch.runner}, {batch.runner_silent_s} s ago"
        rows.append(("sent by", f"{batch.runners} runners; {last}{_gone(batch)}"))
    elif batch.runner:
        rows.append(("sent by", f"{batch.runner}, silent for {batch.runner_silent_s} s{_gone(batch)}"))
    return Facts(rows)


def _gone(batch: BatchSummary) -> str:
    return "; its process is gone" if batch.runner_gone else ""
