"""Meters whose events state a whole bucket: pre-aggregated ones, and those that keep the last value."""

from decimal import Decimal

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import DAY, Billing

METERS = [
    {"event_name": "by_hour", "event_time_window": "hour"},
    {"event_name": "by_day", "event_time_window": "day"},
    {"event_name": "seats", "formula": "last"},
]


@pytest.fixture(autouse=True)
def meters(billing: Billing, stripe: StripeDouble) -> None:
    stripe.bulk([], METERS)


def values(stripe: StripeDouble) -> list[tuple[int, str]]:
    """Seconds after yesterday's midnight, and the value, of every event in the order of arrival."""
    start = int(YESTERDAY.timestamp())
    return [(int(event["timestamp"]) - start, event["value"]) for event in stripe.events()]


def test_a_pre_aggregated_hour_is_sent_whole_and_whole_again_when_it_grows(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "by_hour", 2, hour=3)
    add_usage(sql, "co_1", "by_hour", 3, hour=3)
    assert export().code == 0
    add_usage(sql, "co_1", "by_hour", 10, hour=3)
    again = export()
    assert (again.code, again.document["rows"]["to_send"]) == (0, 1)
    # The later total has the later time, whichever of the two Stripe goes by.
    assert values(stripe) == [(3 * 3600, "5"), (3 * 3600 + 1, "15")]
    assert export().document["batches"] == []


def test_a_total_that_shrank_is_a_correction_and_needs_no_negative_event(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "by_hour", 5)
    export()
    add_usage(sql, "co_1", "by_hour", -2)
    held = export()
    assert (held.code, held.document["to_mend"]) == (3, ["correction"])
    assert export("--allow-corrections").code == 0
    assert values(stripe)[-1] == (1, "3")


def test_a_day_is_sent_only_where_the_window_has_all_of_it(
    sql: Connection, stripe: StripeDouble, billing: Billing, export: Billing
) -> None:
    add_usage(sql, "co_1", "by_day", 1, hour=2)
    add_usage(sql, "co_1", "by_day", 2, hour=20)
    part = billing("export", "--start", f"{DAY}T00:00Z", "--end", f"{DAY}T12:00Z", "--confirm")
    assert (part.code, stripe.events()) == (0, [])
    assert part.document["rows"] == {"window": 1, "to_send": 0, "sent": 0, "skipped": 1}
    assert export().code == 0
    assert values(stripe) == [(0, "3")]
    assert billing("export", "--start", f"{DAY}T00:00Z", "--end", f"{DAY}T12:00Z", "--confirm").code == 0
    assert export().document["batches"] == []
    assert len(stripe.events()) == 1


def test_the_last_value_of_an_hour_is_sent_zero_included(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 5, hour=1, minute=10)
    add_usage(sql, "co_1", "seats", 4, hour=1, minute=50)
    add_usage(sql, "co_1", "seats", 0, hour=2)
    assert export().code == 0
    assert values(stripe) == [(3600, "4"), (7200, "0")]
    assert export().document["batches"] == []


def test_a_later_row_of_the_hour_replaces_the_value_down_as_well_as_up(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 5, minute=10)
    export()
    add_usage(sql, "co_1", "seats", 9, minute=5)
    add_usage(sql, "co_1", "seats", 2, minute=30)
    assert export().code == 0
    assert values(stripe) == [(0, "5"), (1, "2")]
    quantity = sql.execute("select sum(quantity) from billing_export_items").fetchone()
    assert quantity == (Decimal(2),)


def test_a_value_whose_rows_are_gone_is_left_to_a_person_who_may_send_zero(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    add_usage(sql, "co_1", "seats", 5)
    export()
    sql.execute("delete from billing_usage_events")
    answer = export()
    assert (answer.code, answer.document["to_mend"]) == (3, ["value_gone"])
    assert len(stripe.events()) == 1
    assert export("--allow-corrections").code == 0
    assert [event["value"] for event in stripe.events()] == ["5", "0"]
    assert export("--allow-corrections").document["batches"] == []


def test_a_total_that_may_have_been_sent_long_ago_is_simply_sent_again(
    sql: Connection, stripe: StripeDouble, export: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    add_usage(sql, "co_1", "by_hour", 7)
    stripe.fault(kind="lost_reply", endpoint="/v1/billing/meter_events", probability=1)
    assert export().code == 5
    stripe.heal()
    sql.execute("update billing_export_items set first_sent_at = now() - interval '3 days'")
    assert export().code == 0
    assert sql.execute("select state::text from billing_export_items").fetchall() == [("accepted",)]
