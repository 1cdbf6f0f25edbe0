"""Intents: what was to happen in Stripe, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from billing_cli.domain.intent import Intent, IntentState
from billing_cli.domain.money import totals
from billing_cli.render.money import shown

_STATE_STYLES = {
    IntentState.OPEN: "yellow",
    IntentState.SENDING: "yellow",
    IntentState.DONE: "green",
    IntentState.REFUSED: "red",
    IntentState.LAPSED: "red",
}
_SHOWN = 50
_NARROW = 72


def intent_document(intent: Intent) -> dict[str, object]:
    document = {name: value for name, value in vars(intent).items() if name != "money"}
    return {**document, **intent.money.document(), "next_command": next_command(intent)}


def next_command(intent: Intent) -> str | None:
    """What an operator would type next about it."""
    if intent.is_open:
        return f"LIVE=true billing intents resume {intent.intent_id} --confirm"
    if intent.stripe_status in ("pending", "requires_action"):
        return f"billing refund {intent.company_id} {intent.subject} --status"
    return None


@dataclass(frozen=True)
class IntentsView:
    """A row each, the latest first; below each other where the terminal is narrow."""

    intents: Sequence[Intent]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.intents:
            yield Text("There are no intents.")
        elif options.max_width < _NARROW:
            for intent in self.intents:
                yield Text.assemble(_state(intent), f"  {intent.kind.value}  {shown(intent.money)}")
                yield Text(f"  {intent.company_id}  {intent.subject}\n  {intent.intent_id}", "dim")
        else:
            yield _intents_table(self.intents)


def _intents_table(intents: Sequence[Intent]) -> Table:
    table = Table(header_style="bold")
    for name in ("company", "what, for, intent"):
        table.add_column(name, overflow="fold")
    table.add_column("amount", justify="right", overflow="fold")
    table.add_column("state", overflow="fold")
    for intent in intents:
        what = f"{intent.kind.value}  {intent.subject}\n{intent.intent_id}"
        table.add_row(intent.company_id, what, shown(intent.money), _state(intent))
    return table


def render_intent(intent: Intent) -> RenderableType:
    """All that is known of one."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("intent", Text(intent.intent_id, "bold"))
    table.add_row("state", _state(intent))
    table.add_row("amount", shown(intent.money))
    for name in ("kind", "company_id", "subject", "reason", "note", "actor", "opened_at", "attempts", "claimed_by",
                 "settled_at", "stripe_object_id", "request_id", "error"):  # fmt: skip
        if (value := getattr(intent, name)) is not None:
            table.add_row(name.removesuffix("_id").replace("_", " "), str(value))
    lines: list[RenderableType] = [table]
    if command := next_command(intent):
        lines.append(Text(f"Next: {command}", "cyan"))
    return Group(*lines)


def render_moved(intents: Sequence[Intent]) -> RenderableType:
    """What was done, and the next command where one is needed."""
    if not intents:
        return Text("Nothing to do.", "bold green")
    # Of many, only those that want something from the operator.
    told = intents if len(intents) <= _SHOWN else [i for i in intents if i.is_open or i.needs_a_person][:_SHOWN]
    lines: list[RenderableType] = [_moved(intent) for intent in told]
    if len(intents) > 1:
        lines.append(_summary(intents))
    return Group(*lines)


def _moved(intent: Intent) -> Text:
    text = Text.assemble(
        _state(intent),
        f"  {shown(intent.money)}  {intent.subject}  {intent.stripe_object_id or ''}  ",
        intent.intent_id,
    )
    if intent.error:
        text.append(f"\n  {intent.error}", "red")
    if command := next_command(intent):
        text.append(f"\n  Next: {command}", "cyan")
    return text


def _summary(intents: Sequence[Intent]) -> Text:
    parts = []
    for state in IntentState:
        found = [intent for intent in intents if intent.state is state]
        if found:
            amounts = ", ".join(map(shown, totals(intent.money for intent in found)))
            parts.append(f"{len(found):,} {state.value} ({amounts})")
    return Text("; ".join(parts), "bold")


def _state(intent: Intent) -> Text:
    """The state, and what Stripe says of the refund where that is not the end of it."""
    text = Text(intent.state.value, _STATE_STYLES[intent.state])
    if intent.stripe_status in ("pending", "requires_action", "failed", "canceled"):
        text.append(f", {intent.stripe_status} at Stripe", "yellow")
    return text
