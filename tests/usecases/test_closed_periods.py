"""Usage that comes after its invoice: held, carried or sent, with the simulator's own list of what was billed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import Answer, Billing
from .test_reconcile import classes

METER = {"event_name": "calls", "id": "mtr_calls"}
NOON = YESTERDAY + timedelta(hours=12)
LateUsage = Callable[[str], None]


@pytest.fixture(autouse=True)
def meter(billing: Billing, stripe: StripeDouble) -> None:
    stripe.bulk([], [METER, {"event_name": "hourly", "id": "mtr_hourly", "event_time_window": "hour"}])


@pytest.fixture
def late_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LateUsage:
    def configure(policy: str) -> None:
        (tmp_path / "billing.toml").write_text(f'[export]\nlate_usage = "{policy}"\n')
        monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))

    return configure


def subscribe(stripe: StripeDouble, until: datetime, name: str = "sub_1", **more: Any) -> None:
    """cus_1 to `calls`, in a period of 30 days."""
    period = {"period_start": stamp(until - timedelta(days=30)), "period_end": stamp(until)}
    items = [{"id": f"si_{name}", "price": "price_calls", "meter": more.pop("meter", "mtr_calls")}]
    stripe.subscriptions([{"id": name, "customer": "cus_1", "items": items, **period, **more}])


def roll(stripe: StripeDouble, name: str = "sub_1") -> str:
    """Into the next period; returns the id of the draft."""
    return stripe.advance(name, stamp(YESTERDAY + timedelta(days=30)))


def close(stripe: StripeDouble) -> None:
    stripe.finalize(roll(stripe))


def stamp(moment: datetime) -> int:
    return int(moment.timestamp())


def quantities(stripe: StripeDouble) -> list[Decimal]:
    """What was billed, invoice by invoice."""
    return [Decimal(one["quantity"]) for one in stripe.billed()]


def sent(stripe: StripeDouble) -> list[tuple[datetime, str]]:
    return [
        (datetime.fromtimestamp(int(event["timestamp"]), YESTERDAY.tzinfo), event["value"]) for event in stripe.events()
    ]


def skips(answer: Answer) -> dict[str, str]:
    return {skipped["reason"]: skipped["quantity"] for skipped in answer.document["skipped"]}


@pytest.fixture
def came_late(stripe: StripeDouble, sql: Connection, export: Billing) -> None:
    """3 were billed on the invoice up to noon; 5 of that morning arrived when it was final."""
    subscribe(stripe, until=NOON)
    add_usage(sql, "co_1", "calls", 3, hour=8)
    assert export().code == 0
    close(stripe)
    assert quantities(stripe) == [3]
    add_usage(sql, "co_1", "calls", 5, hour=8)


def test_late_usage_is_held_and_named(
    came_late: None, stripe: StripeDouble, export: Billing, plan: Billing, sql: Connection
) -> None:
    add_usage(sql, "co_1", "calls", 2, hour=12)
    assert skips(plan()) == {"late": "5"}
    answer = export()
    assert (answer.code, answer.document["to_mend"]) == (3, ["late"])
    assert sent(stripe)[1:] == [(NOON, "2")]
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [3, 2]


def test_usage_of_the_current_period_covers_no_decrease_of_a_draft(
    stripe: StripeDouble, sql: Connection, export: Billing
) -> None:
    subscribe(stripe, until=NOON)
    add_usage(sql, "co_1", "calls", 3, hour=8)
    assert export().code == 0
    roll(stripe)
    sql.execute("update billing_usage_events set occurred_at = occurred_at + interval '5 hours'")
    answer = export()
    assert (answer.code, answer.document["to_mend"]) == (3, ["correction"])


def test_late_additions_and_removals_are_never_added_together(
    came_late: None, export: Billing, plan: Billing, sql: Connection
) -> None:
    sql.execute("delete from billing_usage_events where quantity = 3")
    sql.execute("update billing_usage_events set occurred_at = occurred_at - interval '1 hour'")
    shown = {entry["reason"]: (entry["added"], entry["removed"]) for entry in plan().document["skipped"]}
    assert shown == {"late": ("5", "0"), "credit_due": ("0", "-3")}
    answer = export("--allow-corrections")
    assert (answer.code, answer.document["to_mend"]) == (3, ["credit_due", "late"])


def test_carried_usage_is_billed_once_on_the_next_invoice(
    came_late: None, stripe: StripeDouble, export: Billing, plan: Billing, late_usage: LateUsage, sql: Connection
) -> None:
    late_usage("carry")
    (line,) = plan().document["lines"]
    assert (line["to_send"], line["carried"]) == ("5", "5")
    assert [datetime.fromisoformat(line[name]) for name in ("carried_from", "carried_to")] == [
        YESTERDAY + timedelta(hours=8), NOON,
    ]  # fmt: skip
    assert export().code == 0
    assert export().document["batches"] == []
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [3, 5]
    rows = sql.execute("select bucket_start, event_at, quantity from billing_export_items order by item_id").fetchall()
    assert rows[1] == (YESTERDAY + timedelta(hours=8), NOON, Decimal(5))


def test_late_usage_sent_as_it_is_is_counted_and_on_no_invoice(
    came_late: None, stripe: StripeDouble, export: Billing, late_usage: LateUsage
) -> None:
    late_usage("send")
    asked_before = len(reads(stripe))
    assert export().code == 0
    assert sum(int(value) for _, value in sent(stripe)) == 8
    assert len(reads(stripe)) == asked_before
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [3, 0]


def reads(stripe: StripeDouble) -> list[dict[str, Any]]:
    return [call for call in stripe.log() if call["path"] in ("/v1/subscriptions", "/v1/invoices")]


def test_carried_usage_is_compared_where_stripe_has_it(
    came_late: None, stripe: StripeDouble, export: Billing, billing: Billing, late_usage: LateUsage
) -> None:
    late_usage("carry")
    assert export().code == 0
    day = f"{YESTERDAY:%Y-%m-%d}"
    by_hour = billing("reconcile", "usage", "--start", day, "--end", f"{YESTERDAY:%Y-%m-%d}T23:00Z")
    assert (by_hour.code, classes(by_hour.document)) == (0, {("matched", ""): 2})
    early = billing("reconcile", "usage", "--start", day, "--end", f"{YESTERDAY:%Y-%m-%d}T12:00Z")
    assert early.document["totals"][0]["here"]["quantity"] == "3"
    later = billing("reconcile", "usage", "--start", f"{day}T12:00Z", "--end", f"{day}T14:00Z")
    assert (later.code, later.document["totals"][0]["here"]["quantity"]) == (0, "5")


def test_a_carried_event_that_was_cut_off_is_billed_once(
    came_late: None,
    stripe: StripeDouble,
    export: Billing,
    late_usage: LateUsage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late_usage("carry")
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    stripe.fault(kind="lost_reply", endpoint="/v1/billing/meter_events", probability=1)
    assert export().code == 5
    stripe.heal()
    assert export().code == 0
    assert export().document["batches"] == []
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [3, 5]


def test_a_period_that_ends_at_midnight_takes_the_hour_before_and_not_the_hour_after(
    stripe: StripeDouble, sql: Connection, export: Billing, billing: Billing
) -> None:
    subscribe(stripe, until=YESTERDAY)
    close(stripe)
    add_usage(sql, "co_1", "calls", 7, hour=-1, minute=59)
    add_usage(sql, "co_1", "calls", 2, hour=0, minute=0)
    before = f"{YESTERDAY - timedelta(days=1):%Y-%m-%d}"
    answer = billing("export", "--start", before, "--end", f"{YESTERDAY:%Y-%m-%d}", "--confirm")
    assert (answer.code, answer.document["to_mend"]) == (3, ["late"])
    assert sent(stripe) == [(YESTERDAY, "2")]
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [0, 2]


def test_a_draft_is_still_open_for_usage(stripe: StripeDouble, sql: Connection, export: Billing) -> None:
    subscribe(stripe, until=NOON)
    draft = roll(stripe)
    add_usage(sql, "co_1", "calls", 5, hour=8)
    assert export().code == 0
    stripe.finalize(draft)
    assert quantities(stripe) == [5]


@pytest.mark.parametrize("policy", ["hold", "carry"])
def test_an_hour_in_which_the_open_period_begins_is_billed_in_it(
    stripe: StripeDouble, sql: Connection, export: Billing, late_usage: LateUsage, policy: str
) -> None:
    late_usage(policy)
    half_past = NOON + timedelta(minutes=30)
    subscribe(stripe, until=half_past)
    close(stripe)
    add_usage(sql, "co_1", "calls", 4, hour=12, minute=10)
    add_usage(sql, "co_1", "calls", 5, hour=12, minute=50)
    assert export().code == 0
    assert sent(stripe) == [(half_past, "9")]
    assert export().document["batches"] == []
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [0, 9]


def test_totals_cannot_be_carried_and_are_held(
    stripe: StripeDouble, sql: Connection, export: Billing, late_usage: LateUsage
) -> None:
    late_usage("carry")
    subscribe(stripe, until=NOON, meter="mtr_hourly")
    close(stripe)
    add_usage(sql, "co_1", "hourly", 5, hour=8)
    answer = export()
    assert (answer.code, answer.document["to_mend"], sent(stripe)) == (3, ["late"], [])


def test_of_two_subscriptions_the_open_one_bills(stripe: StripeDouble, sql: Connection, export: Billing) -> None:
    subscribe(stripe, until=NOON)
    close(stripe)
    subscribe(stripe, until=NOON + timedelta(days=1), name="sub_2")
    add_usage(sql, "co_1", "calls", 5, hour=8)
    assert export().code == 0
    stripe.finalize(stripe.advance("sub_2"))
    assert sum(quantities(stripe)) == 5


def test_a_customer_without_a_subscription_is_a_warning(
    stripe: StripeDouble, sql: Connection, plan: Billing, export: Billing
) -> None:
    subscribe(stripe, until=NOON + timedelta(days=1))
    add_usage(sql, "co_1", "calls", 1)
    add_usage(sql, "co_2", "calls", 5)
    (warning,) = plan().document["warnings"]
    assert warning.startswith("Meter calls: Stripe counts 5 and bills nobody for it")
    assert "(co_2)" in warning
    assert [line["unbilled"] for line in plan().document["lines"]] == ["0", "5"]
    assert export().code == 0


@pytest.mark.parametrize("policy", ["hold", "carry"])
def test_an_ended_subscription_holds_what_came_late_and_warns_of_what_came_after(
    stripe: StripeDouble, sql: Connection, plan: Billing, export: Billing, late_usage: LateUsage, policy: str
) -> None:
    late_usage(policy)
    subscribe(stripe, until=NOON + timedelta(days=9), status="canceled", ended_at=stamp(NOON))
    add_usage(sql, "co_1", "calls", 5, hour=8)
    add_usage(sql, "co_1", "calls", 2, hour=12)
    planned = plan()
    assert skips(planned) == {"ended": "5"}
    assert "Stripe counts 2 and bills nobody" in planned.document["warnings"][0]
    assert export().code == 3
    assert sent(stripe) == [(NOON, "2")]


def test_usage_from_before_the_subscription_is_not_carried_into_it(
    stripe: StripeDouble, sql: Connection, plan: Billing, export: Billing, late_usage: LateUsage
) -> None:
    late_usage("carry")
    subscribe(stripe, until=NOON + timedelta(days=30))
    add_usage(sql, "co_1", "calls", 5, hour=8)
    add_usage(sql, "co_1", "calls", 2, hour=12)
    assert "Stripe counts 5 and bills nobody" in plan().document["warnings"][0]
    assert export().code == 0
    stripe.finalize(stripe.advance("sub_1"))
    assert quantities(stripe) == [2]


def test_a_key_that_may_not_read_subscriptions_is_told_what_to_do(
    stripe: StripeDouble, sql: Connection, plan: Billing, late_usage: LateUsage
) -> None:
    add_usage(sql, "co_1", "calls", 5)
    stripe.fault(kind="status", endpoint="/v1/subscriptions", status=403, probability=1)
    answer = plan()
    assert answer.code == 78
    assert "Subscriptions and Invoices" in answer.stderr
    assert 'late_usage = "send"' in answer.stderr
    late_usage("send")
    assert plan().code == 0


def test_many_companies_are_read_as_one_list(stripe: StripeDouble, sql: Connection, plan: Billing) -> None:
    sql.execute(
        "insert into billing_companies (company_id, stripe_customer_id) "
        "select 'more_' || n, 'cus_more_' || n from generate_series(1, 20) n"
    )
    subscribe(stripe, until=NOON)
    close(stripe)
    add_usage(sql, "co_1", "calls", 5, hour=8)
    add_usage(sql, "co_1", "calls", 2, hour=12)
    assert skips(plan()) == {"late": "5"}
    assert len([call for call in reads(stripe) if call["path"] == "/v1/subscriptions"]) == 1
    assert skips(plan("--company", "co_1")) == {"late": "5"}
