"""Usage beside Stripe's meter totals: what was not sent, not counted, and counted without us."""

from datetime import timedelta

import pytest
import stripe as sdk
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from billing_cli.sandbox.stripe_control import ask

from .conftest import DAY, Billing
from .test_reconcile import classes

WHEN = ["--start", DAY, "--end", DAY]


@pytest.fixture
def exported(export: Billing, billing: Billing, sql: Connection) -> Billing:
    """Two hours of co_1 and one of co_2 are at Stripe, with fractions that floats cannot hold."""
    for company, hour, quantity in (
        ("co_1", 1, "0.1"),
        ("co_1", 1, "0.2"),
        ("co_1", 5, "7"),
        ("co_2", 3, "1000000.003"),
    ):
        add_usage(sql, company, "api_calls", quantity, hour)
    assert export().code == 0
    return lambda *words: billing("reconcile", "usage", *(words or WHEN))


def test_what_was_exported_and_counted_agrees(exported: Billing) -> None:
    answer = exported()
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 2})
    assert answer.document["totals"][0]["here"] == {"quantity": "1000007.303", "meter": "api_calls"}


def test_parts_of_a_day_are_compared_by_the_hour(exported: Billing) -> None:
    six = f"{YESTERDAY + timedelta(hours=6):%Y-%m-%dT%H:%MZ}"
    answer = exported("--start", DAY, "--end", six)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 3})


def test_usage_that_was_not_exported_is_named(exported: Billing, sql: Connection) -> None:
    add_usage(sql, "co_1", "api_calls", 5, 1)
    add_usage(sql, "co_3", "api_calls", 2, 1)
    add_usage(sql, "nobody", "api_calls", 3, 1)
    add_usage(sql, "co_1", "no_such_meter", 4, 1)
    answer = exported()
    assert answer.code == 3
    assert classes(answer.document) == {
        ("matched", ""): 1,
        ("amount_differs", "not_sent"): 1,
        ("only_here", "not_sent"): 1,
        ("only_here", "unknown_company"): 1,
        ("only_here", "no_meter"): 1,
    }


def test_what_another_program_sent_is_seen(exported: Billing, stripe: StripeDouble) -> None:
    client = sdk.StripeClient("sk_test_other", base_addresses={"api": stripe.url})
    for customer in ("cus_1", "cus_3"):
        client.v1.billing.meter_events.create(
            {
                "event_name": "api_calls",
                "payload": {"stripe_customer_id": customer, "value": "9"},
                "timestamp": int(YESTERDAY.timestamp()) + 60,
            }
        )
    answer = exported()
    assert classes(answer.document) == {
        ("matched", ""): 1,
        ("amount_differs", "more_than_sent"): 1,
        ("only_stripe", "more_than_sent"): 1,
    }


def test_more_than_was_sent_is_not_said_of_usage_that_is_in_doubt(
    exported: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    sql.execute("update billing_export_items set state = 'ambiguous' where company_id = 'co_2'")
    stripe.send_as_another("cus_2", "9", int(YESTERDAY.timestamp()) + 3 * 3600)
    assert classes(exported().document) == {("matched", ""): 1, ("in_flight", "being_sent"): 1}


def test_what_stripe_counts_and_a_restored_backup_forgot_does_not_agree(exported: Billing, sql: Connection) -> None:
    sql.execute("delete from billing_export_items where company_id = 'co_1'")
    answer = exported()
    assert (answer.code, classes(answer.document)) == (3, {("matched", ""): 1, ("amount_differs", "not_recorded"): 1})


def test_stripes_totals_may_lag_for_an_hour_and_no_longer(
    exported: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    ask(stripe.url, "POST", "settings", {"lag_s": 86_400})
    try:
        answer = exported()
        assert (answer.code, classes(answer.document)) == (0, {("in_flight", "summary_lag"): 2})
        sql.execute("update billing_export_items set settled_at = settled_at - interval '61 minutes'")
        assert classes(exported().document) == {("only_here", "not_counted"): 2}
    finally:
        ask(stripe.url, "POST", "settings", {"lag_s": 0})


def test_a_customer_that_stripe_does_not_have_has_no_totals(exported: Billing, sql: Connection) -> None:
    sql.execute("insert into billing_companies (company_id, stripe_customer_id) values ('co_x', 'cus_gone')")
    assert exported().code == 0
