"""Intents: what was to happen in Stripe, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.intent import Intent, IntentState
from billing_cli.domain.money import totals
from billing_cli.render.columns import Columns, Facts
from billing_cli.render.money import shown

_STATE_STYLES = {
    IntentState.OPEN: "yellow",
    IntentState.SENDING: "yellow",
    IntentState.DONE: "green",
    IntentState.REFUSED: "red",
    IntentState.LAPSED: "red",
}
_SHOWN = 50


def intent_document(intent: Intent) -> dict[str, object]:
    document = {name: value for name, value in vars(intent).items() if name != "money"}
    return {**document, "amount": intent.money.document(), "next_command": next_command(intent)}


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
        else:
            yield _intents_table(self.intents)


def _intents_table(intents: Sequence[Intent]) -> Columns:
    table = Columns(map(_lines, intents))
    for name in ("company", "what, for, intent"):
        table.add_column(name)
    table.add_column("amount", justify="right")
    table.add_column("state")
    for intent in intents:
        what = f"{intent.kind.value}  {intent.subject}\n{intent.intent_id}"
        table.add_row(intent.company_id, what, shown(intent.money), _state(intent))
    return table


def _lines(intent: Intent) -> Text:
    return Text.assemble(
        _state(intent),
        f"  {intent.kind.value}  {shown(intent.money)}",
        (f"\n  {intent.company_id}\n  {intent.subject}\n  {intent.intent_id}", "dim"),
    )


def render_intent(intent: Intent) -> RenderableType:
    """All that is known of one."""
    rows: list[tuple[str, str | Text]] = [
        ("intent", Text(intent.intent_id, "bold")),
        ("state", _state(intent)),
        ("amount", shown(intent.money)),
    ]
    for name in ("kind", "company_id", "subject", "reason", "note", "actor", "opened_at", "attempts", "claimed_by",
                 "settled_at", "stripe_object_id", "request_id", "error"):  # fmt: skip
        if (value := getattr(intent, name)) is not None:
            rows.append((name.removesuffix("_id").replace("_", " "), str(value)))
    return Facts(rows)


def render_moved(intents: Sequence[Intent], held: Sequence[Intent] = ()) -> RenderableType:
    """What was done; `next_commands` are for a line of their own. `held`: those that another run is at now."""
    if not intents:
        return Text("Nothing to do.", "bold green")
    lines: list[RenderableType] = [_moved(intent) for intent in _told(_without(intents, held))]
    if len(intents) > 1:
        lines.append(_summary(intents))
    if held:
        lines.append(_held(held))
    return Group(*lines)


def _without(intents: Sequence[Intent], held: Sequence[Intent]) -> Sequence[Intent]:
    left_out = {intent.intent_id for intent in held}
    return [intent for intent in intents if intent.intent_id not in left_out]


def _held(held: Sequence[Intent]) -> Text:
    holders = ", ".join(sorted({intent.claimed_by or "" for intent in held}))
    left_s = max(intent.claim_left_s or 0 for intent in held)
    return Text(
        f"Another run ({holders}) is at work on {len(held):,} of these. Wait for it, then run the same line again; "
        f"they are let go in {left_s} s at the latest.",
        "yellow",
    )


def _told(intents: Sequence[Intent]) -> Sequence[Intent]:
    """Of many, only those that want something from the operator."""
    return intents if len(intents) <= _SHOWN else [i for i in intents if i.is_open or i.needs_a_person][:_SHOWN]


def _moved(intent: Intent) -> Text:
    text = Text.assemble(
        _state(intent),
        f"  {shown(intent.money)}  {intent.subject}  {intent.stripe_object_id or ''}  ",
        intent.intent_id,
    )
    if intent.error:
        text.append(f"\n  {intent.error}", "red")
    return text


def next_commands(intents: Sequence[Intent], held: Sequence[Intent] = (), again: str | None = None) -> list[str]:
    """What to type next, of each that needs it and is shown; `again` in place of what would finish many, one by one."""
    still_open = [intent for intent in intents if intent.is_open]
    ours = _without(intents, held)
    if held or len(still_open) > 1:
        ours = [intent for intent in ours if not (again and intent.is_open)]
    else:
        again = None
    commands = [command for intent in _told(ours) if (command := next_command(intent))]
    return [*commands, again] if again else commands


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
    if intent.is_reversed or intent.stripe_status in ("pending", "requires_action"):
        text.append(f", {intent.stripe_status} at Stripe", "yellow")
    return text
