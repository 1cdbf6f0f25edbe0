"""The plan of commands that move money by hand, as a table and as a JSON document."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.gate import Gates
from billing_cli.domain.intent import Action, Intent
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.domain.movement import undo_of
from billing_cli.render.columns import Columns, Facts, amounts
from billing_cli.render.failed_refunds import failed_documents, failed_lines
from billing_cli.render.gates import gates_document, render_gates, render_identity
from billing_cli.render.intents import intent_document
from billing_cli.render.money import shown, shown_fact

_SHOWN_ACTIONS = 50
_SHOWN_WARNINGS = 20
_SHOWN_SETTLES = 3
_SETTLED = "{} settled under the key {}; nothing new is sent for {}."


@dataclass(frozen=True)
class MoneyPlanView:
    """The dry run, for a terminal of any width. One action shows all its facts, many are lines.

    `typed` puts the global options of this run into a command.
    """

    plan: MoneyPlan
    gates: Gates
    typed: Callable[[str], str] = str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.plan.command.capitalize(), "bold")
        yield render_identity(self.plan.identity)
        yield from self._settles()
        yield from self._actions()
        yield from _warnings(self.plan.wishes.warnings)
        yield from self._undo()
        yield render_gates(self.plan, self.gates)

    def _settles(self) -> Iterator[RenderableType]:
        settles = self.plan.settles
        if len(settles) == 1:
            yield Text(f"{_begun(settles[0])} is open. {_SETTLED.format('It is', 'it has', 'it')}", "yellow")
        elif settles:
            yield Text(
                f"{len(settles):,} are open, begun before. {_SETTLED.format('They are', 'they have', 'them')}", "yellow"
            )
            for intent in settles[:_SHOWN_SETTLES]:
                yield Text(f"  {_begun(intent)}", "yellow")
            if len(settles) > _SHOWN_SETTLES:
                yield Text(f"  … and {len(settles) - _SHOWN_SETTLES:,} more (all in --json)", "yellow")
        if self.plan.wishes.unserved:
            many = len(self.plan.wishes.unserved) > 1
            said = "They are" if many else "It is"
            yield Text(f"{said} not what you ask for now: run this again afterwards.", "bold yellow")
        if done := len(self.plan.wishes.done_before):
            yield Text(f"Lines carried out before, and left alone: {done:,}.", "green")
        yield from failed_lines(self.plan.wishes.failed)
        if followed := len(self.plan.wishes.followed):
            yield Text(f"Refunds with another status at Stripe by now, which is written down: {followed:,}.", "yellow")

    def _actions(self) -> Iterator[RenderableType]:
        actions = self.plan.actions
        if len(actions) == 1:
            yield _card(actions[0])
        elif actions:
            yield _table(actions[:_SHOWN_ACTIONS])
            if len(actions) > _SHOWN_ACTIONS:
                yield Text(f"… and {len(actions) - _SHOWN_ACTIONS:,} more (all in --json)", "dim")
            yield Text.assemble(
                (f"{len(actions):,}", "bold"), " in all: ", (", ".join(map(shown, self.plan.totals)), "bold")
            )
        elif self.plan.empty:
            yield Text("Nothing to do.", "bold green")

    def _undo(self) -> Iterator[RenderableType]:
        """Of one action with its command; of many each sentence once, because the commands are many too."""
        found = [undo_of(action) for action in self.plan.actions]
        for possible, how in dict.fromkeys((undo.possible, undo.how) for undo in found):
            yield Text.assemble(("Undo    ", "dim"), (how, "" if possible else "bold"))
        if len(found) == 1 and (command := found[0].command):
            yield Text(f"        {self.typed(command)}", "dim")
        elif found:
            yield Text("        The command of each is in --json.", "dim")


def _begun(intent: Intent) -> str:
    return f"{intent.intent_id} ({shown(intent.money)} for {intent.subject}, begun by {intent.actor})"


def _card(action: Action) -> Facts:
    rows: list[tuple[str, str | Text]] = []
    for name, value in action.facts.items():
        if value is not None:
            strong = value == action.money and name not in ("captured", "total")
            rows.append((name, Text(shown_fact(value), "bold" if strong else "")))
    rows.append(("reason", action.reason))
    if action.note:
        rows.append(("note", action.note))
    return Facts(rows)


def _table(actions: Sequence[Action]) -> Columns:
    table = Columns(part for action in actions for part in _lines(action))
    for name in ("company", "payment"):
        table.add_column(name)
    table.add_column("refund", justify="right", style="bold")
    table.add_column("remaining after", justify="right")
    table.add_column("reason")
    for action in actions:
        after = shown_fact(action.facts["remaining after"])
        table.add_row(action.company_id, action.subject, shown(action.money), after, action.reason)
    return table


def _lines(action: Action) -> Iterator[RenderableType]:
    yield Text(action.subject)
    after = shown_fact(action.facts["remaining after"])
    yield from amounts(
        f"  {action.company_id}, {action.reason}",
        [("  refund", Text(shown(action.money), "bold")), ("  remaining after", after)],
    )


def _warnings(warnings: Sequence[str]) -> Iterator[Text]:
    for warning in warnings[:_SHOWN_WARNINGS]:
        yield Text(f"Warning: {warning}", "yellow")
    if len(warnings) > _SHOWN_WARNINGS:
        yield Text(f"… and {len(warnings) - _SHOWN_WARNINGS} more warnings (see --json)", "yellow")


def money_plan_document(plan: MoneyPlan, gates: Gates) -> dict[str, object]:
    return {
        **gates_document(plan, gates),
        "actions": [{**action.changes(), "undo": undo_of(action).document()} for action in plan.actions],
        "totals": [total.document() for total in plan.totals],
        "settles": [intent_document(intent) for intent in plan.settles],
        "finished": len(plan.wishes.done_before),
        "unserved": list(plan.wishes.unserved),
        "warnings": list(plan.wishes.warnings),
        "failed": failed_documents(plan.wishes.failed),
    }
