"""Usage records, the backend from before meters: whole hours' totals, set and not added, in whole units."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.crash import KILLED, Step, run_billing
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import DAY, Billing
from .test_closed_periods import close, skips, stamp
from .test_reconcile import classes

CONFIG = """
[meters.seats]
backend = "usage-records"
price = "price_seats"
"""


@pytest.fixture(autouse=True)
def seats(billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, monkeypatch)
    subscribe(stripe, "sub_1")


def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", before: str = "") -> None:
    (tmp_path / "billing.toml").write_text(before + CONFIG + more)
    monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))


def subscribe(stripe: StripeDouble, name: str, **more: Any) -> None:
    """cus_1, until tomorrow."""
    until = YESTERDAY + timedelta(days=2)
    period = {"period_start": stamp(until - timedelta(days=30)), "period_end": stamp(until)}
    items = [{"id": f"si_{name}", "price": "price_seats", "usage_type": "metered"}]
    stripe.subscriptions([{"id": name, "customer": "cus_1", "items": items, **period, **more}])


def records(stripe: StripeDouble) -> list[tuple[datetime, int]]:
    return [
        (datetime.fromtimestamp(one["timestamp"], YESTERDAY.tzinfo), one["quantity"]) for one in stripe.usage_records()
    ]


def calls(stripe: StripeDouble) -> int:
    return sum(call["path"].endswith("/usage_records") for call in stripe.log())


def hour(number: int) -> datetime:
    return YESTERDAY + timedelta(hours=number)


def test_an_hour_is_set_to_its_total_and_set_again_when_it_grows(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 2, hour=3)
    add_usage(sql, "co_1", "seats", 3, hour=3)
    add_usage(sql, "co_1", "seats", 1, hour=4)
    assert export().code == 0
    assert records(stripe) == [(hour(3), 5), (hour(4), 1)]
    add_usage(sql, "co_1", "seats", 4, hour=3)
    assert export().code == 0
    assert records(stripe) == [(hour(3), 9), (hour(4), 1)]
    assert export().document["batches"] == []
    assert calls(stripe) == 3
    close(stripe)
    assert [one["quantity"] for one in stripe.billed()] == ["10"]


def test_a_total_that_shrank_needs_allow_corrections(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    add_usage(sql, "co_1", "seats", 5)
    export()
    add_usage(sql, "co_1", "seats", -2)
    held = export()
    assert (held.code, held.document["to_mend"], records(stripe)) == (3, ["correction"], [(hour(0), 5)])
    assert export("--allow-corrections").code == 0
    assert records(stripe) == [(hour(0), 3)]


def test_a_fraction_is_refused_until_a_unit_makes_it_whole(
    sql: Connection, stripe: StripeDouble, export: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_usage(sql, "co_1", "seats", "2.5", hour=1)
    add_usage(sql, "co_1", "seats", "2", hour=2)
    refused = export()
    assert (refused.code, refused.document["to_mend"]) == (3, ["not_whole"])
    assert records(stripe) == [(hour(2), 2)]
    configure(tmp_path, monkeypatch, 'unit = "0.5"\n')
    assert export().code == 0
    assert records(stripe)[0] == (hour(1), 5)


def test_a_unit_of_a_thousand_counts_thousands(
    sql: Connection, stripe: StripeDouble, export: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch, 'unit = "1000"\n')
    add_usage(sql, "co_1", "seats", 5000)
    add_usage(sql, "co_1", "seats", 1500, hour=1)
    answer = export()
    assert (answer.document["to_mend"], records(stripe)) == (["not_whole"], [(hour(0), 5)])


def test_a_repetition_after_a_lost_reply_sets_the_same(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    add_usage(sql, "co_1", "seats", 7)
    stripe.fault(kind="lost_reply", endpoint="/v1/subscription_items/si_sub_1/usage_records", probability=1)
    assert export().code == 5
    assert records(stripe) == [(hour(0), 7)]
    stripe.heal()
    sql.execute("update billing_export_items set first_sent_at = now() - interval '3 days'")
    assert export().code == 0
    assert (records(stripe), calls(stripe)) == ([(hour(0), 7)], 2)
    assert sql.execute("select state::text from billing_export_items").fetchall() == [("accepted",)]


@pytest.mark.parametrize("step", [Step("send", "after"), Step("billing_batch_settle_v1")])
def test_a_run_that_is_killed_before_it_settles_is_gone_on_with(
    sql: Connection, stripe: StripeDouble, db_url: str, tmp_path: Path, step: Step
) -> None:
    add_usage(sql, "co_1", "seats", 7)
    environment = wire_environment(db_url, stripe.url) | {"BILLING_CONFIG": str(tmp_path / "billing.toml")}
    words = ["export", "--start", DAY, "--end", DAY, "--confirm"]
    assert run_billing(environment, words, step) == KILLED
    assert records(stripe) == [(hour(0), 7)]
    assert run_billing(environment, words) == 0
    assert (records(stripe), calls(stripe)) == ([(hour(0), 7)], 2)


def test_a_customer_without_the_price_or_with_two_items_of_it_is_skipped(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 1)
    add_usage(sql, "co_2", "seats", 2)
    answer = export()
    assert (answer.code, answer.document["to_mend"]) == (3, ["no_subscription"])
    subscribe(stripe, "sub_2")
    add_usage(sql, "co_1", "seats", 1)
    answer = export()
    assert (answer.document["to_mend"], records(stripe)) == (
        ["conflicting_subscription", "no_subscription"],
        [(hour(0), 1)],
    )


def test_an_hour_of_a_closed_period_is_held(
    sql: Connection, stripe: StripeDouble, export: Billing, plan: Billing
) -> None:
    until = YESTERDAY + timedelta(hours=12)
    subscribe(stripe, "sub_1", period_end=stamp(until))
    close(stripe)
    add_usage(sql, "co_1", "seats", 5, hour=8)
    assert skips(plan()) == {"late": "5"}
    assert (export().code, records(stripe)) == (3, [])


def test_a_timestamp_that_stripe_does_not_take_is_rejected_with_its_reason(
    sql: Connection, stripe: StripeDouble, export: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch, before='[export]\nlate_usage = "send"\n')
    subscribe(stripe, "sub_1", period_end=stamp(YESTERDAY + timedelta(hours=12)))
    close(stripe)
    add_usage(sql, "co_1", "seats", 5, hour=8)
    answer = export()
    assert (answer.code, answer.document["batches"][0]["rejected"]) == (3, 1)
    assert sql.execute("select error from billing_export_items").fetchone() == (
        "400: Invalid timestamp: must be within the current billing period of the subscription.",
    )


def test_an_account_without_usage_records_is_a_setting_to_correct(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.usage_records._API_VERSION", "2026-10-28.endive")
    add_usage(sql, "co_1", "seats", 5)
    answer = export()
    assert answer.code == 78
    assert "takes no usage records any more: Unrecognized request URL" in answer.stderr
    assert 'backend = "usage-records"' in answer.stderr


def test_usage_records_are_left_out_of_a_comparison_with_meters(
    sql: Connection, export: Billing, billing: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 5)
    assert export().code == 0
    answer = billing("reconcile", "usage", "--start", DAY, "--end", DAY)
    assert (answer.code, classes(answer.document)) == (0, {})
    assert [(one["what"], one["rows"]) for one in answer.document["left_out"]] == [("usage records", 1)]
