"""What an operator sees of a plan, at any width, and above all when the money is real."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.export import Alarm, ExportPlan, ExportRequest, plan_export
from billing_cli.domain.gate import Gates
from billing_cli.domain.meter import MeterRoute
from billing_cli.domain.period import Window
from billing_cli.domain.usage import usage_facts
from billing_cli.render.export import ExportPlanView

LIVE = StripeIdentity("acct_real", livemode=True, key_is_live=True)
TEST = StripeIdentity("acct_test", livemode=False, key_is_live=False)
GROUP = {
    "company_id": "co_[bold]1",
    "company_name": "Ünïcode & Söhne",
    "stripe_customer_id": "cus_1",
    "meter": "api_calls",
    "event_name": "api_calls",
    "usage_rows": 3,
    "sent_rows": 0,
    "new_rows": 3,
    "quantity": "123456789012345.123456789",
    "accepted": "0",
    "reserved": "0",
    "to_send": "123456789012345.123456789",
    "corrections": "0",
    "buckets": 2,
    "correction_buckets": 0,
    "usual": None,
    "held_added": "0",
    "held_removed": "0",
    "unbilled": "0",
    "carried": "0",
    "carried_from": None,
    "carried_to": None,
}
SKIPPED = {
    "reason": "no_meter",
    "usage_rows": 1,
    "sent_rows": 0,
    "buckets": 1,
    "quantity": "5",
    "added": "5",
    "removed": "0",
    "examples": ["co_1 [red]x"],
}


# Three rows sent before; two more make the total smaller, and are held.
SHRUNK = GROUP | {"meter": "seats", "usage_rows": 5, "sent_rows": 3, "new_rows": 0, "corrections": "-2", "buckets": 0}
SHRUNK |= {"held_removed": "-2", "correction_buckets": 1, "to_send": "0"}
HELD = SKIPPED | {"reason": "correction", "usage_rows": 2, "quantity": "-2", "added": "0", "removed": "-2"}


def make_plan(
    identity: StripeIdentity,
    groups: Sequence[Mapping[str, object]] = (GROUP,),
    skipped: Sequence[Mapping[str, object]] = (SKIPPED,),
    rows: int = 4,
) -> ExportPlan:
    facts = usage_facts(
        {
            "now": "2026-11-24T00:00:00+00:00",
            "window_rows": rows,
            "odd_rows": {},
            "company_known": True,
            "lines_hash": "x",
            "groups": groups,
            "skipped": skipped,
            "slots": [{"event_name": "api_calls", "slot": 1, "quantity": "5"}],
            "open_batches": [],
        }
    )
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
    routes = [MeterRoute("api_calls", "api_calls", "c", "v", "sum", None)]
    return plan_export(ExportRequest(window), identity, routes, facts, Alarm())


def shown(identity: StripeIdentity, width: int, color: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None, markup=False
    )
    console.print(ExportPlanView(make_plan(identity), Gates(confirm=False, live=False)))
    return out.getvalue()


def test_a_live_key_is_shown_in_red_with_its_account() -> None:
    text = shown(LIVE, 120, color=True)
    assert "\x1b[1;37;41m LIVE KEY " in text
    assert "acct_real" in text
    assert "LIVE KEY" not in shown(TEST, 120)


def test_a_disagreement_on_live_mode_is_shouted() -> None:
    assert "DISAGREE" in shown(replace(LIVE, livemode=False), 120)


@pytest.mark.parametrize(("group", "shape"), [(GROUP, True), (GROUP | {"to_send": "0", "buckets": 0}, False)])
def test_hours_are_drawn_of_what_is_to_be_sent_alone(group: Mapping[str, object], shape: bool) -> None:
    out = io.StringIO()
    view = ExportPlanView(make_plan(TEST, [group]), Gates(confirm=False, live=False))
    Console(file=out, width=120).print(view)
    assert ("█" in out.getvalue()) == shape


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_no_digit_is_lost(width: int) -> None:
    text = shown(TEST, width)
    assert max(map(len, text.splitlines())) <= width
    squeezed = "".join(text.split()).replace("│", "")
    assert "4usagerows=3tosendin2meterevents+0alreadysent+1skipped" in squeezed
    if width == 120:
        assert "123,456,789,012,345.123456789" in text


def test_the_rows_of_the_table_are_those_that_were_or_will_be_sent() -> None:
    plan = make_plan(TEST, [GROUP, SHRUNK], [SKIPPED, HELD], rows=9)
    console = Console(file=io.StringIO(), width=150, markup=False)
    with console.capture() as capture:
        console.print(ExportPlanView(plan, Gates(confirm=False, live=False)))
    squeezed = "".join(capture.get().split())
    assert "│total││6│" in squeezed
    assert "9usagerows=3tosendin2meterevents+3alreadysent+3skipped" in squeezed


def test_square_brackets_are_data_not_styles() -> None:
    text = shown(TEST, 120)
    assert "co_[bold]1" in text
    assert "[red]x" in text
