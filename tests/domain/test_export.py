"""The export's plan from facts alone: nothing lost, nothing unsaid."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput, Fault
from billing_cli.domain.export import Alarm, ExportPlan, ExportRequest, plan_export
from billing_cli.domain.meter import MeterRoute
from billing_cli.domain.period import Window
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.domain.usage import OddRows, SkippedRows, UsageFacts, UsageLine

REQUEST = ExportRequest(Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)))
TEST = StripeIdentity("acct_1", livemode=False, key_is_live=False)
ROUTE = MeterRoute("api_calls", "api_calls", "customer", "value", "sum", None)
LINE = UsageLine(
    company_id="co_1",
    company_name=None,
    stripe_customer_id="cus_1",
    meter="api_calls",
    event_name="api_calls",
    usage_rows=5,
    sent_rows=2,
    new_rows=3,
    quantity=Decimal("12.5"),
    accepted=Decimal(4),
    reserved=Decimal(0),
    to_send=Decimal("8.5"),
    corrections=Decimal(0),
    buckets=2,
    correction_buckets=0,
    usual=None,
)
FACTS = UsageFacts(
    now=datetime(2026, 10, 2, tzinfo=UTC),
    window_rows=5,
    odd_rows=OddRows(),
    company_known=True,
    lines_hash="a",
    lines=(LINE,),
    skipped=(),
    slots={},
    open_batches=(),
)

NO_ALARM = Alarm()


def plan(
    facts: UsageFacts = FACTS,
    request: ExportRequest = REQUEST,
    identity: StripeIdentity = TEST,
    routes: tuple[MeterRoute, ...] = (ROUTE,),
    alarm: Alarm = NO_ALARM,
) -> ExportPlan:
    return plan_export(request, identity, list(routes), facts, alarm)


def skipped(reason: str, rows: int = 3) -> UsageFacts:
    return replace(
        FACTS,
        window_rows=5 + rows,
        skipped=(SkippedRows(reason, rows, 0, 1, Decimal(9), Decimal(9), Decimal(0), ("co_9 api_calls",)),),
    )


def test_a_plan_counts_what_it_sends_has_sent_and_skips() -> None:
    made = plan(skipped("no_customer"))
    assert (made.events, made.new_rows, made.sent_rows, made.skipped_rows) == (2, 3, 2, 3)
    assert made.warnings == ()


@pytest.mark.parametrize("window_rows", [0, 4, 6, 500])
def test_a_row_lost_or_invented_is_a_fault(window_rows: int) -> None:
    with pytest.raises(Fault, match=f"{window_rows} usage rows in the window, 5 accounted for"):
        plan(replace(FACTS, window_rows=window_rows))


def test_rows_held_back_without_a_reason_are_a_fault() -> None:
    with pytest.raises(Fault, match="add up"):
        plan(replace(FACTS, window_rows=5, lines=(replace(LINE, usage_rows=6),)))


def test_an_unknown_company_is_named() -> None:
    with pytest.raises(BadInput, match="'co_nobody'"):
        plan(replace(FACTS, company_known=False), replace(REQUEST, company="co_nobody"))


def test_an_unknown_meter_is_named_beside_the_known_ones() -> None:
    with pytest.raises(BadInput, match="'apicalls'") as caught:
        plan(request=replace(REQUEST, meter="apicalls"))
    assert "api_calls" in caught.value.next_step
    assert plan(request=replace(REQUEST, meter="api_calls")).wanted.meter == "api_calls"


def test_the_databases_clock_decides_what_is_future() -> None:
    assert plan(replace(FACTS, now=REQUEST.window.end)).events == 2
    with pytest.raises(BadInput, match="future"):
        plan(replace(FACTS, now=datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC)))


@pytest.mark.parametrize(("usual", "warned"), [(None, False), ("0", False), ("1.2501", False), ("1.25", True)])
def test_ten_times_the_usual_is_a_warning(usual: str | None, warned: bool) -> None:
    line = replace(LINE, usual=None if usual is None else Decimal(usual))
    warnings = plan(replace(FACTS, lines=(line,))).warnings
    assert [(w.code, "co_1 api_calls" in w.sentence) for w in warnings] == [("unusual", True)] * warned


def test_negative_totals_and_undated_rows_are_warnings() -> None:
    facts = replace(FACTS, odd_rows=OddRows(undated=4), lines=(replace(LINE, accepted=Decimal("-9.00")),))
    undated, negative = plan(facts).warnings
    assert (undated.code, negative.code) == ("undated_rows", "negative_total")
    assert undated.sentence.startswith("4 usage rows have no occurred_at")
    assert "(-0.5)" in negative.sentence


def test_a_window_without_rows_is_a_warning() -> None:
    (warning,) = plan(replace(FACTS, lines=(), window_rows=0)).warnings
    assert warning.code == "no_rows"


def test_warnings_make_the_export_fail_if_they_are_named() -> None:
    facts = replace(FACTS, odd_rows=OddRows(undated=4, future=1))
    assert (plan(facts).failing, plan(facts).alarming) == ((), False)
    alarmed = plan(facts, alarm=Alarm(fail_on=frozenset({"future_rows", "unusual"})))
    assert (alarmed.failing, alarmed.alarming) == (("future_rows",), True)


def test_a_meter_that_counts_events_is_a_warning_where_it_has_usage() -> None:
    route = replace(ROUTE, meter="seats", event_name="seats", formula="count", problem="meter_formula")
    (warning,) = plan(skipped("meter_formula"), routes=(ROUTE, route)).warnings
    assert warning.sentence.startswith("Meter seats:")
    assert plan(FACTS, routes=(ROUTE, route)).warnings == ()


@pytest.mark.parametrize("reason", sorted(SKIP_REASONS))
def test_what_needs_a_person_is_named_unless_it_was_expected(reason: str) -> None:
    # Held rows belong to a line, and these facts have none.
    facts = skipped(reason) if reason not in ("correction", "moved") else skipped(reason, rows=0)
    assert plan(facts).to_mend == ((reason,) if SKIP_REASONS[reason].mend else ())
    assert plan(facts, alarm=Alarm(frozenset({reason}))).to_mend == ()
    other = "too_old" if reason != "too_old" else "no_meter"
    assert plan(facts, alarm=Alarm(frozenset({other}))).to_mend == plan(facts).to_mend


def test_the_digest_is_the_same_for_the_same_plan_and_another_for_any_other() -> None:
    window = replace(REQUEST.window, start=datetime(2026, 9, 30, 23, tzinfo=UTC))
    others = [
        plan(request=replace(REQUEST, window=window)),
        plan(request=replace(REQUEST, company="co_1")),
        plan(request=replace(REQUEST, meter="api_calls")),
        plan(request=replace(REQUEST, allow_corrections=True)),
        plan(replace(FACTS, lines_hash="b")),
        plan(identity=replace(TEST, account_id="acct_2")),
        plan(identity=replace(TEST, livemode=True)),
    ]
    assert plan().digest == plan().digest
    assert len({plan().digest, *(other.digest for other in others)}) == len(others) + 1
