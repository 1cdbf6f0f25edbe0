"""A replay: what would be sent where, and the status codes and times that came back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.gate import Gates
from billing_cli.domain.replay import Delivery, Replay, ReplayPlan
from billing_cli.render.columns import Columns
from billing_cli.render.gates import gates_document, render_gates, render_identity

_SHOWN = 20


@dataclass(frozen=True)
class ReplayPlanView:
    """The first events in order, and how many objects they are about."""

    plan: ReplayPlan
    gates: Gates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plan = self.plan
        yield render_identity(plan.identity)
        subjects = len({event.subject for event in plan.events})
        yield Text(f"{len(plan.events):,} events about {subjects:,} objects to {plan.target}", "bold")
        yield from (Text(f"  {event.event_id}  {event.event_type}", "dim") for event in plan.events[:_SHOWN])
        if len(plan.events) > _SHOWN:
            yield Text(f"  … and {len(plan.events) - _SHOWN:,} more", "dim")
        if plan.empty:
            yield Text("Nothing to do.", "bold green")
        else:
            yield render_gates(plan, self.gates)


def replay_plan_document(plan: ReplayPlan, gates: Gates) -> dict[str, object]:
    return {
        **gates_document(plan, gates),
        "target": plan.target,
        "replay_id": plan.replay_id,
        "events": [event.event_id for event in plan.events],
    }


def render_replayed(replay: Replay, deliveries: Sequence[Delivery], seconds: float) -> RenderableType:
    """Status codes with their times, every failure, and the next command."""
    table = Columns()
    table.add_column("answer")
    for name in ("events", "median ms", "slowest ms"):
        table.add_column(name, justify="right")
    for status in sorted({d.status_code or 0 for d in deliveries}):
        times = sorted(d.took_ms for d in deliveries if (d.status_code or 0) == status)
        table.add_row(str(status or "none"), f"{len(times):,}", f"{_median(times):,}", f"{times[-1]:,}")
    failures = [d for d in deliveries if d.error]
    lines: list[RenderableType] = [table] if deliveries else []
    lines += [Text(f"{d.event_id}  {d.event_type}  {d.error}", "red") for d in failures[:_SHOWN]]
    counts = f"{replay.delivered:,} delivered, {replay.failed:,} failed, {replay.pending:,} left"
    lines.append(Text(f"Replay {replay.replay_id}: {counts}, in {seconds:.1f} s", "bold"))
    return Group(*lines)


def _median(times: Sequence[int]) -> int:
    return int(quantiles(times, n=2)[0]) if len(times) > 1 else times[0]


def replayed_document(replay: Replay, deliveries: Sequence[Delivery], seconds: float) -> dict[str, object]:
    return {
        "replay_id": replay.replay_id,
        "target": replay.target,
        "delivered": replay.delivered,
        "failed": replay.failed,
        "left": replay.pending,
        "by_status": dict(Counter(str(d.status_code or "none") for d in deliveries)),
        "seconds": round(seconds, 3),
        "failures": [
            {"event_id": d.event_id, "status": d.status_code, "error": d.error} for d in deliveries if d.error
        ],
        "next_command": replay.next_command,
    }
