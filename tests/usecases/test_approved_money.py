"""Nothing that moves money runs without an approved plan, by type."""

from pathlib import Path
from typing import get_type_hints

import mypy.api
from command_tree import leaves

from billing_cli import wiring
from billing_cli.cli import write
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.usecases.intents import run_money_plan
from billing_cli.usecases.moving import MoveEnvironment, carry_out

PLAIN = """
from dataclasses import replace
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.usecases.intents import run_money_plan
from billing_cli.usecases.moving import MoveEnvironment

def carry_out(plan: MoneyPlan, run: MoveEnvironment) -> None:
    run_money_plan(replace(run, approved=plan))
    MoveEnvironment(plan, run.database, run.stripe, run.mover, run.processes, "ana", "me", run.clocks, run.observer)
    MoveEnvironment(run.approved, run.database, run.stripe, run.mover, run.processes, "a", "me", run.clocks, run.observer)
"""


def test_intents_are_carried_out_by_an_environment_that_holds_the_approved_plan() -> None:
    assert get_type_hints(MoveEnvironment)["approved"] == ApprovedPlan[MoneyPlan]
    assert list(get_type_hints(run_money_plan)) == ["run", "return"]
    assert get_type_hints(carry_out)["run"] is MoveEnvironment
    assert get_type_hints(wiring.move_environment)["approved"] == ApprovedPlan[MoneyPlan]


def test_mypy_refuses_a_plan_that_nobody_approved(tmp_path: Path) -> None:
    snippet = tmp_path / "plain.py"
    snippet.write_text(PLAIN)
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    out, _, code = mypy.api.run([*options, str(snippet)])
    lines = [line for line in out.splitlines() if "error:" in line]
    assert (code, len(lines)) == (1, 2), out
    assert all('"MoneyPlan"; expected "ApprovedPlan[MoneyPlan]"' in line for line in lines), out


def test_one_command_writes_without_the_gate_and_is_named_where_the_gate_is() -> None:
    confirmed = {words: command for words, command in leaves().items() if "--confirm" in command.writes}
    assert {words for words, command in confirmed.items() if "LIVE=true" not in command.writes} == {"db migrate"}
    assert "`db migrate`" in (write.__doc__ or "")
    assert write.carry_out.__module__ == write.__name__
