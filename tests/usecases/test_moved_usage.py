"""Usage that left a receiver is not billed at another one before the correction goes."""

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from .conftest import Billing
from .test_receivers import hundred, reasons, rekey, rename, totals

__all__ = ["hundred"]

HELD = {"correction": ("0", "-100"), "moved": ("100", "0")}


def move_by(sql: Connection, hours: int, condition: str = "true") -> None:
    sql.execute(
        f"update billing_usage_events set occurred_at = occurred_at + make_interval(hours => {hours}) where {condition}"
    )


def held_then_sent(stripe: StripeDouble, export: Billing, after: dict[tuple[str, str], int]) -> None:
    """Neither a plain run nor its repetition sends anything; a run with corrections brings `after`."""
    assert export().code == 3
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == after
    assert export().document["batches"] == []


def test_another_customer_and_other_hours(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    move_by(sql, 5)
    assert reasons(plan().document) == HELD
    held_then_sent(stripe, export, {("cus_2", "api_calls"): 100})


def test_another_customer_and_a_part_in_other_hours(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    move_by(sql, 5, "quantity = 40")
    assert reasons(plan().document) == HELD
    held_then_sent(stripe, export, {("cus_2", "api_calls"): 100})


def test_new_usage_of_a_company_with_another_customer_goes(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    add_usage(sql, "co_1", "api_calls", 7, hour=3)
    assert reasons(plan().document) == HELD
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 7}


def test_another_company_another_customer_and_more_usage(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rename(sql, "co_1", "co_2")
    add_usage(sql, "co_2", "api_calls", 5, minute=7)
    assert reasons(plan().document) == {"correction": ("0", "-100"), "moved": ("105", "0")}
    held_then_sent(stripe, export, {("cus_2", "api_calls"): 105})


def test_another_company_another_customer_and_other_hours(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rename(sql, "co_1", "co_2")
    move_by(sql, 5)
    assert reasons(plan().document) == HELD
    held_then_sent(stripe, export, {("cus_2", "api_calls"): 100})


def test_another_meter_and_other_hours(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_usage_events set meter = 'storage_gb'")
    move_by(sql, 5)
    assert reasons(plan().document) == HELD
    held_then_sent(stripe, export, {("cus_1", "storage_gb"): 100})


def test_a_company_with_two_meters_has_only_the_moved_one_held(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("delete from billing_usage_events where quantity = 40")
    add_usage(sql, "co_1", "storage_gb", 7, hour=3)
    assert reasons(plan().document) == {"correction": ("0", "-40")}
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_1", "storage_gb"): 7}


def test_new_companies_go_when_another_was_deleted(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("delete from billing_usage_events")
    add_usage(sql, "co_2", "api_calls", 150, hour=3)
    assert reasons(plan().document) == {"correction": ("0", "-100")}
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 150}


@pytest.mark.parametrize("order", [("cus_2", "cus_3"), ("cus_3", "cus_2")])
def test_a_company_that_gets_another_customer_twice(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing, order: tuple[str, str]
) -> None:
    for customer in order:
        rekey(sql, "co_1", customer)
        add_usage(sql, "co_1", "api_calls", 1, minute=7)
        assert export().code == 3
        assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {(order[1], "api_calls"): 102}


def test_increases_of_other_hours_wait_until_their_correction_is_accepted(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    move_by(sql, 5)
    stripe.fault(kind="status", status=400, endpoint="/v1/billing/meter_events", count=1)
    assert export("--allow-corrections").code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 100}
