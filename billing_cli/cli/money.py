"""What the commands that move money by hand have in common: how a plan shows, and how it is carried out."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from billing_cli.cli.session import Session
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.money_plan import MoneyPlan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing_cli.usecases.moving import Moved


class Report(Protocol):
    """A file about what was carried out."""

    def check(self) -> None:
        """While nothing is written yet: raises Misconfigured where the file could not be."""

    def write(self, plan: MoneyPlan, moved: Sequence["Moved"]) -> int:
        """The exit code of the command, where all went well otherwise."""
        ...


@dataclass
class MoneyCommand:
    """`make_plan` loads the facts and plans. `report` is told what became of it, before it is printed.

    `finishes_many`: the same words again finish all that is open. `any_failed`: the last plan has lines whose
    refunds failed later.
    """

    session: Session
    noun: str
    words: list[str]
    make_plan: Callable[[], MoneyPlan]
    report: Report | None = None
    finishes_many: bool = False
    any_failed: bool = False

    def plan(self) -> MoneyPlan:
        plan = self.make_plan()
        self.any_failed = bool(plan.wishes.failed)
        return plan

    def document(self, plan: MoneyPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.money_plan import money_plan_document

        return money_plan_document(plan, gates)

    def view(self, plan: MoneyPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.money_plan import MoneyPlanView

        return MoneyPlanView(plan, gates, self.session.state.command)

    def run(self, approved: ApprovedPlan[MoneyPlan]) -> int:
        from billing_cli import wiring
        from billing_cli.cli.observer import MoneyObserver
        from billing_cli.cli.outcome import moved_exit_code
        from billing_cli.cli.progress import ConsoleProgress
        from billing_cli.render.failed_refunds import failed_documents
        from billing_cli.render.intents import intent_document, next_commands
        from billing_cli.render.moved import render_moved_plan
        from billing_cli.usecases.intents import run_money_plan

        plan, state = approved.plan, self.session.state
        if self.report:
            self.report.check()
        with ConsoleProgress(state, "settled") as progress:
            environment = wiring.move_environment(
                self.session.settings, self.session.database, approved, MoneyObserver(progress)
            )
            moved = run_money_plan(environment)
        unreported = self.report.write(plan, moved) if self.report else 0
        document: dict[str, object] = {
            "digest": plan.digest,
            "intents": [{**intent_document(each.intent), "here": each.here} for each in moved],
            "finished": len(plan.wishes.done_before),
            "unserved": list(plan.wishes.unserved),
            "failed": failed_documents(plan.wishes.failed),
        }
        intents = [each.intent for each in moved]
        held = [each.intent for each in moved if each.held_by]
        next_steps = state.next_steps(next_commands(intents, held, self._again()))
        state.emit(self.noun, document, render_moved_plan(plan, intents, held), next_steps)
        return moved_exit_code(moved, bool(plan.wishes.unserved), self.any_failed) or unreported

    def _again(self) -> str | None:
        """Finishes all that is open. A saved plan would be another one by now."""
        words = shlex.join(["billing", *self.words, "--confirm"])
        return f"LIVE=true {words}" if self.finishes_many and self.words[0] != "apply" else None
