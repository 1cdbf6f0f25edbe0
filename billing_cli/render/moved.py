"""The result of a plan that moved money by hand."""

from collections.abc import Sequence

from rich.console import Group, RenderableType

from billing_cli.domain.intent import Intent
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.render.failed_refunds import failed_lines
from billing_cli.render.intents import render_moved


def render_moved_plan(plan: MoneyPlan, intents: Sequence[Intent], held: Sequence[Intent]) -> RenderableType:
    """What was done, and which lines of a file failed after an earlier run. `held`: those that another run is at."""
    failed = list(failed_lines(plan.wishes.failed))
    if failed and not intents:
        return Group(*failed)
    return Group(render_moved(intents, held), *failed)
