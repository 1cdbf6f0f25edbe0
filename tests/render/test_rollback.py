"""What an operator sees of a rollback, at any width."""

from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import RenderableType

from billing_cli.domain.batch import BatchRun, StopReason
from billing_cli.domain.gate import Gates
from billing_cli.domain.rollback import FATES, Rollback, RollbackLine, RollbackPlan
from billing_cli.render.rollback import (
    RollbackPlanView,
    after_rollback,
    render_rollback,
    rollback_document,
    rollback_plan_document,
)

from .test_batches import DONE, IDENTITY, shown

CLOSED = Gates(confirm=False, live=False)
REFUSED = "400: Meter events can be cancelled within 24 hours of being received."


def line(fate: str, company: str = "co_[b]1", error: str | None = None) -> RollbackLine:
    return RollbackLine(
        company, "api calls", "cus_1", "api_calls", True, fate, 1234, Decimal("123456789012345"), 3600, error
    )


def plan(*lines: RollbackLine) -> RollbackPlan:
    return RollbackPlan(DONE, IDENTITY, (), lines, "0" * 64, {}, "0" * 64)


ALL = tuple(line(fate) for fate in FATES)
ROLLED_BACK = replace(DONE, accepted=2, cancelled=7)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "renderable",
    [
        RollbackPlanView(plan(*ALL), CLOSED),
        RollbackPlanView(plan(line("late")), CLOSED),
        render_rollback(Rollback(BatchRun(ROLLED_BACK, None), (line("cancel", error=REFUSED), line("cancelled")))),
    ],
)
def test_nothing_is_wider_than_the_terminal(renderable: RenderableType, width: int) -> None:
    assert max(map(len, shown(renderable, width).splitlines())) <= width


def test_the_plan_shows_each_fate_and_the_commands_for_what_stays_billed() -> None:
    text = shown(RollbackPlanView(plan(line("cancel"), line("late")), CLOSED), 250)
    assert "cancel: Stripe is told to forget them; 1 h 00 m left" in text
    assert "1,234 events to cancel" in text
    assert "Invoices that are final do not change" in text
    window = "--start 2026-11-01T00:00Z --end 2026-11-02T00:00Z"
    assert f"billing export {window} --company 'co_[b]1' --meter 'api calls' --allow-corrections" in text
    assert "billing adjust 'co_[b]1' credit --amount AMOUNT --currency CURRENCY" in text
    assert "an export with --resend-rolled-back sends it" in text.replace("\n", " ")


def test_where_nothing_can_be_cancelled_nothing_is_promised() -> None:
    text = shown(RollbackPlanView(plan(line("late")), CLOSED), 200)
    assert "Nothing is left that can be cancelled." in text
    assert "--resend-rolled-back" not in text
    assert rollback_plan_document(plan(line("late")), CLOSED)["warnings"] == []


def test_many_lines_are_cut_and_said_so() -> None:
    text = shown(RollbackPlanView(plan(*(line("late", f"co_{n}") for n in range(50))), CLOSED), 200)
    assert "… and 20 more lines (see --json)" in text
    assert "… and 47 more that stay billed (see --json)" in text


def test_the_result_says_what_was_refused_and_what_to_do() -> None:
    ended = Rollback(BatchRun(ROLLED_BACK, None), (line("cancel", error=REFUSED), line("cancelled")))
    text = shown(render_rollback(ended), 250)
    assert f"accepted: Stripe refused to cancel some ({REFUSED})" in text
    assert f"billing batches rollback {DONE.batch_id}" in text
    assert f"7 of {ROLLED_BACK.items:,} cancelled" in text
    assert after_rollback(ended) == [rollback_document(plan(), ended)["resend_command"]]
    assert rollback_document(plan(), ended)["kept"] == 1234


def test_an_unfinished_rollback_says_how_to_go_on() -> None:
    batch = replace(ROLLED_BACK, state="rolling_back", cancelling=1)
    ended = Rollback(BatchRun(batch, StopReason.INTERRUPTED), (line("cancel"), line("cancelling")))
    text = shown(render_rollback(ended), 200)
    assert "(interrupted)" in text
    assert after_rollback(ended) == [f"LIVE=true billing batches rollback {batch.batch_id} --confirm"]
    assert ended.kept == []


def test_a_rollback_that_was_begun_has_something_to_do_until_it_is_ended() -> None:
    assert plan(line("cancel")).events == 1234
    assert plan(line("late")).empty
    assert not replace(plan(line("late")), batch=replace(DONE, state="rolling_back")).empty


def test_a_remedy_is_typed_with_the_settings_of_this_command() -> None:
    text = shown(
        RollbackPlanView(plan(line("late")), CLOSED, lambda text: text.replace("billing ", "billing -x ")), 200
    )
    assert "billing -x adjust" in text
