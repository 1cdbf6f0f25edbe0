"""Kept events, plans to keep more, and gaps."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.gaps import Gaps
from billing_cli.domain.gate import Gates
from billing_cli.domain.keeping import KeepPlan, Source
from billing_cli.domain.kept_event import KeptEvent, KeptState
from billing_cli.domain.webhook_event import WebhookEvent
from billing_cli.render.columns import Columns, Facts
from billing_cli.render.gates import gates_document, render_gates, render_identity

_FACTS = ("event_id", "event_type", "created_at", "livemode", "object_id", "company_id", "state", "attempts", "error",
          "claimed_by", "settled_at", "effect", "source", "deliveries", "received_at", "last_received_at",
          "stripe_account_id")  # fmt: skip
_SHOWN = 20
_STYLES = {KeptState.PROCESSED: "green", KeptState.FAILED: "red", KeptState.PROCESSING: "yellow"}


@dataclass(frozen=True)
class EventsView:
    """A row each; below each other where the terminal is narrow."""

    events: Sequence[KeptEvent]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.events:
            yield Text("No events.")
        else:
            yield _table(self.events)


def _table(events: Sequence[KeptEvent]) -> Columns:
    table = Columns(map(_lines, events))
    for name in ("created", "event, type", "company", "state"):
        table.add_column(name)
    for name in ("deliveries", "attempts"):
        table.add_column(name, justify="right")
    for event in events:
        what = f"{event.event_id}\n{event.event_type}" + _of_account(event, "\n")
        state = _state(event)
        if event.error:
            state.append(f"\n{event.error}", "red")
        table.add_row(
            event.created_at[:19], what, event.company_id or "-", state, str(event.deliveries), str(event.attempts)
        )
    return table


def _of_account(event: KeptEvent, before: str) -> str:
    return f"{before}of {event.stripe_account_id}" if event.stripe_account_id else ""


def _lines(event: KeptEvent) -> Text:
    said = Text.assemble(
        *(_state(event), f"  {event.event_type}"),
        (
            f"\n  {event.event_id}\n  {event.created_at[:19]}  {event.company_id or '-'}{_of_account(event, '  ')}",
            "dim",
        ),
    )
    return said.append(f"\n  {event.error}", "red") if event.error else said


def _state(event: KeptEvent) -> Text:
    return Text(event.state.value, _STYLES.get(event.state, ""))


def kept_document(event: KeptEvent) -> dict[str, object]:
    return dict(vars(event))


def render_event(document: Mapping[str, Any]) -> RenderableType:
    """All that is known of one event, its payload last."""
    rows = [(name.replace("_", " "), str(value)) for name in _FACTS if (value := document[name]) is not None]
    replays = [
        Text(f"replayed to {r['target']}: {r['state']} {r['status_code'] or ''} {r['error'] or ''} ({r['replay_id']})")
        for r in document["replays"]
    ]
    return Group(Facts(rows), *replays, Text(_pretty(document["payload"]), "dim"))


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return payload


@dataclass(frozen=True)
class KeepView:
    """What would be kept, by type."""

    plan: KeepPlan
    gates: Gates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plan = self.plan
        yield render_identity(plan.identity)
        yield from (Text(warning, "yellow") for warning in plan.warnings)
        if plan.source is Source.DELIVERY:
            event = plan.events[0]
            here = "is here already; its count goes up" if plan.known else "is new"
            yield Text(f"{event.event_id}  {event.event_type}  {here}.")
        else:
            yield Text(f"{len(plan.events):,} events to keep; {plan.known:,} are here already.", "bold")
            yield from _by_type(plan.events)
        if plan.empty:
            yield Text("Nothing to do.", "bold green")
        else:
            yield render_gates(plan, self.gates)


def _by_type(events: Iterable[WebhookEvent]) -> Iterable[RenderableType]:
    counts = Counter(event.event_type for event in events).most_common()
    if counts:
        table = Columns()
        table.add_column("type")
        table.add_column("events", justify="right")
        for kind, count in counts:
            table.add_row(kind, f"{count:,}")
        yield table


def keep_document(plan: KeepPlan, gates: Gates) -> dict[str, object]:
    return {
        **gates_document(plan, gates),
        "to_keep": len(plan.events),
        "known": plan.known,
        "by_type": dict(Counter(event.event_type for event in plan.events)),
        "warnings": list(plan.warnings),
    }


def render_stored(new: int, again: int, effects: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What was kept, and what some of it changed here."""
    lines = [Text(f"{new:,} new, {again:,} again.", "bold green")]
    lines += [Text(f"{each['event_id']}: {each['effect']}", "yellow") for each in effects]
    return Group(*lines)


def stored_document(plan: KeepPlan, new: int, again: int, effects: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    return {"digest": plan.digest, "new": new, "again": again, "effects": list(effects)}


@dataclass(frozen=True)
class GapsView:
    """Every kind of gap with examples, then the command that mends the first."""

    gaps: Gaps

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        gaps = self.gaps
        yield Text(f"{gaps.since:%Y-%m-%d %H:%M}Z up to {gaps.until:%Y-%m-%d %H:%M}Z", "dim")
        yield from (Text(warning, "yellow") for warning in gaps.warnings)
        yield Text(f"{gaps.at_stripe:,} events at Stripe, {gaps.here:,} here.")
        if gaps.connected:
            yield Text(f"{gaps.connected:,} of those here are of connected accounts: Stripe lists them there.", "dim")
        if not gaps.any:
            yield Text("No gaps.", "bold green")
            return
        for what, events in _kinds(gaps):
            if events:
                yield Text(f"{len(events):,} {what}", "bold red")
                yield from (Text(f"  {e.event_id}  {e.event_type}", "dim") for e in events[:_SHOWN])
                if len(events) > _SHOWN:
                    yield Text(f"  … and {len(events) - _SHOWN:,} more", "dim")
        yield Text("Next:", "dim")


def _kinds(gaps: Gaps) -> tuple[tuple[str, Sequence[WebhookEvent | KeptEvent]], ...]:
    return (
        ("missing here", gaps.missing),
        ("failed", gaps.failed),
        ("stuck: kept, but no handler is done with them", gaps.stuck),
        ("kept here, but unknown to Stripe", gaps.unknown),
    )


def gaps_document(gaps: Gaps) -> dict[str, object]:
    kinds: dict[str, Sequence[WebhookEvent | KeptEvent]] = {
        "missing": gaps.missing,
        "failed": gaps.failed,
        "stuck": gaps.stuck,
        "unknown": gaps.unknown,
    }
    return {
        "since": gaps.since.isoformat(),
        "until": gaps.until.isoformat(),
        "at_stripe": gaps.at_stripe,
        "here": gaps.here,
        **{kind: [event.event_id for event in events] for kind, events in kinds.items()},
        "warnings": list(gaps.warnings),
        "next_command": gaps.next_command,
        "connected": gaps.connected,
    }
