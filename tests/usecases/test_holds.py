"""An increase is held only for a correction that may be of the same usage, and that can be sent one day."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import DAY, Billing
from .test_closed_periods import NOON, close, stamp
from .test_moved_usage import move_by
from .test_receivers import hundred, reasons, rekey, rename, totals

__all__ = ["hundred"]


@pytest.fixture
def calls(billing: Billing, stripe: StripeDouble) -> None:
    stripe.bulk([{"id": "cus_9"}], [{"event_name": "calls", "id": "mtr_calls"}])


def invoiced_at(stripe: StripeDouble, until_minutes: int = 0) -> None:
    """cus_1's subscription to calls: a period ended at noon, or some minutes later, and its invoice is final."""
    end = NOON + timedelta(minutes=until_minutes)
    period = {"period_start": stamp(end - timedelta(days=30)), "period_end": stamp(end)}
    items = [{"id": "si_1", "price": "price_calls", "meter": "mtr_calls"}]
    stripe.subscriptions([{"id": "sub_1", "customer": "cus_1", "items": items, **period}])


@pytest.mark.parametrize("theirs", [(2, 20), (500, 8)])
def test_a_credit_that_is_due_holds_nobody_elses_usage(
    calls: None, sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing, theirs: tuple[int, int]
) -> None:
    invoiced_at(stripe)
    add_usage(sql, "co_1", "calls", 2, hour=8)
    add_usage(sql, "co_1", "calls", 9, hour=9)
    assert export().code == 0
    close(stripe)
    sql.execute("delete from billing_usage_events where quantity = 2")
    amount, hour = theirs
    add_usage(sql, "co_2", "calls", amount, hour=hour)
    assert reasons(plan().document) == {"credit_due": ("0", "-2")}
    assert export().code == 3
    assert totals(stripe)["cus_2", "calls"] == amount


def test_a_meter_made_anew_holds_only_the_usage_of_the_old_one(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_export_items set meter_id = 'mtr_archived'")
    add_usage(sql, "co_2", "api_calls", 150)
    assert reasons(plan().document) == {"former_meter": ("0", "-100"), "moved": ("100", "0")}
    assert export().code == 3
    assert totals(stripe)["cus_2", "api_calls"] == 150


def test_one_deleted_row_does_not_hold_the_first_usage_of_others(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    assert export().code == 0
    sql.execute("delete from billing_usage_events")
    for number in (2, 3):
        add_usage(sql, f"co_{number}", "api_calls", 1000 + number)
    assert reasons(plan().document) == {"correction": ("0", "-1")}
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 1, ("cus_2", "api_calls"): 1002, ("cus_3", "api_calls"): 1003}


def test_a_company_that_was_renamed_before_it_got_another_customer(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    add_usage(sql, "co_2", "api_calls", 5)
    assert export().code == 0
    sql.execute("update billing_companies set company_id = 'acme' where company_id = 'co_1'")
    rename(sql, "co_1", "acme")
    assert export().code == 0
    rekey(sql, "acme", "cus_2")
    add_usage(sql, "acme", "api_calls", 7, minute=9)
    assert reasons(plan().document) == {"correction": ("0", "-100"), "moved": ("107", "0")}
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 5}


def test_an_hour_in_which_the_period_begins_is_of_that_period(
    calls: None, sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    invoiced_at(stripe, until_minutes=30)
    close(stripe)
    add_usage(sql, "co_1", "calls", 9, hour=12, minute=50)
    assert export().code == 0
    move_by(sql, 2)
    assert export().code == 0
    assert totals(stripe) == {("cus_1", "calls"): 9}


def test_a_carried_decrease_is_covered_by_the_period_it_is_carried_to(
    calls: None, sql: Connection, stripe: StripeDouble, export: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billing.toml").write_text('[export]\nlate_usage = "carry"\n')
    monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))
    invoiced_at(stripe)
    add_usage(sql, "co_1", "calls", 9, hour=8)
    assert export().code == 0
    close(stripe)
    move_by(sql, 6)
    assert export().code == 0
    assert totals(stripe) == {("cus_1", "calls"): 9}


def test_a_day_seen_in_part_holds_nobody_elses_usage(
    sql: Connection, stripe: StripeDouble, export: Billing, billing: Billing
) -> None:
    stripe.bulk([], [{"event_name": "by_day", "event_time_window": "day"}])
    add_usage(sql, "co_1", "by_day", 3, hour=4)
    add_usage(sql, "co_1", "by_day", 2, hour=20)
    assert export().code == 0
    add_usage(sql, "co_2", "by_day", 2, hour=-20)
    day_before = f"{YESTERDAY - timedelta(days=1):%Y-%m-%d}T00:00Z"
    billing("export", "--start", day_before, "--end", f"{DAY}T12:00Z", "--confirm")
    assert totals(stripe)["cus_2", "by_day"] == 2


def test_a_refused_correction_holds_back_its_own_hour_only(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    stripe.bulk([{"id": "cus_9"}], [])
    for hour in range(4):
        add_usage(sql, "co_1", "api_calls", 10 + hour, hour=hour)
    assert export().code == 0
    rekey(sql, "co_1", "cus_9")
    stripe.fault(kind="status", status=400, endpoint="/v1/billing/meter_events", count=1)
    refused = export("--allow-corrections")
    assert [(batch["accepted"], batch["rejected"]) for batch in refused.document["batches"]] == [(6, 2)]
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_9", "api_calls"): 46}


def test_what_may_not_be_counted_is_not_taken_back(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_export_items set state = 'ambiguous'")
    rekey(sql, "co_1", "cus_2")
    assert reasons(plan("--allow-corrections").document) == {"in_doubt": ("0", "-100"), "moved": ("100", "0")}
    assert export("--allow-corrections").code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}


def test_what_is_being_rolled_back_is_not_taken_back_twice(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_export_items set state = 'cancelling'")
    sql.execute("update billing_export_batches set state = 'rolling_back'")
    rekey(sql, "co_1", "cus_2")
    for options in (["--allow-corrections"], ["--allow-corrections", "--resend-rolled-back"]):
        assert reasons(plan(*options).document) == {"rolled_back": ("0", "-100"), "moved": ("100", "0")}
    assert export("--allow-corrections").code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}


@pytest.mark.parametrize("company", ["co_1", "co_2"])
def test_an_extreme_row_stops_no_good_row_of_its_hour(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing, company: str
) -> None:
    rekey(sql, "co_2", "cus_1")
    add_usage(sql, "co_1", "api_calls", "1e-401")
    add_usage(sql, company, "api_calls", 5, minute=9)
    assert [entry["reason"] for entry in plan().document["skipped"]] == ["bad_quantity"]
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 5}


def test_a_rollback_leaves_what_a_later_export_took_back(
    sql: Connection,
    stripe: StripeDouble,
    hundred: None,
    export: Billing,
    billing: Billing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIVE", "true")
    (first,) = billing("batches", "list").document["batches"]
    rekey(sql, "co_1", "cus_2")
    assert export("--allow-corrections").code == 0
    plan = billing("batches", "rollback", first["batch_id"])
    assert [(line["fate"], line["quantity"]) for line in plan.document["lines"]] == [("corrected", "100")]
    assert billing("batches", "rollback", first["batch_id"], "--confirm").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 100}
