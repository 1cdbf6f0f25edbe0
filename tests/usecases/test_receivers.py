"""Names may change: usage is counted once, where it was sent, and corrections go to the customer that has it."""

from collections import defaultdict
from decimal import Decimal

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.app import run

from .conftest import Billing


def totals(stripe: StripeDouble) -> dict[tuple[str, str], Decimal]:
    """What Stripe has, by customer and event name, as a sum."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in stripe.events():
        found[event["customer"], event["event_name"]] += Decimal(event["value"])
    return {receiver: total for receiver, total in found.items() if total}


def values(stripe: StripeDouble, customer: str) -> list[str]:
    """The values of a customer's events, in the order in which they were taken."""
    return [event["value"] for event in stripe.events() if event["customer"] == customer]


def reasons(document: dict[str, list[dict[str, object]]]) -> dict[object, tuple[object, object]]:
    return {entry["reason"]: (entry["added"], entry["removed"]) for entry in document["skipped"]}


def rekey(sql: Connection, company: str, customer: str | None) -> None:
    sql.execute("update billing_companies set stripe_customer_id = %s where company_id = %s", (customer, company))


def rename(sql: Connection, company: str, other: str) -> None:
    sql.execute("update billing_usage_events set company_id = %s where company_id = %s", (other, company))


@pytest.fixture
def hundred(sql: Connection, export: Billing) -> None:
    """co_1's hundred calls of one hour are at cus_1."""
    add_usage(sql, "co_1", "api_calls", 60)
    add_usage(sql, "co_1", "api_calls", 40, minute=6)
    assert export().code == 0


def test_a_correction_goes_to_the_customer_that_has_the_usage(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    sql.execute("delete from billing_usage_events where quantity = 40")
    held = export()
    assert held.code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert reasons(plan().document) == {"correction": ("0", "-100"), "moved": ("60", "0")}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 60}
    assert [event["value"] for event in stripe.events()] == ["100", "-100", "60"]
    assert export().document["batches"] == []


@pytest.mark.parametrize("option", ["--company", "--meter"])
def test_a_run_for_one_company_or_meter_corrects_the_former_customer_too(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing, option: str
) -> None:
    rekey(sql, "co_1", "cus_2")
    name = {"--company": "co_1", "--meter": "api_calls"}[option]
    assert export(option, name).code == 3
    assert export(option, name, "--allow-corrections").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 100}


def test_a_renamed_company_with_the_same_customer_sends_nothing(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_companies set company_id = 'acme' where company_id = 'co_1'")
    rename(sql, "co_1", "acme")
    planned = plan().document
    assert (planned["events"], planned["skipped"]) == (0, [])
    assert [line["company_id"] for line in planned["lines"]] == ["acme"]
    add_usage(sql, "acme", "api_calls", 5, minute=7)
    assert export().code == 0
    assert totals(stripe) == {("cus_1", "api_calls"): 105}


def test_the_evidence_of_a_renamed_company_moves_with_its_next_item(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing, billing: Billing
) -> None:
    sql.execute("update billing_companies set company_id = 'acme' where company_id = 'co_1'")
    rename(sql, "co_1", "acme")
    add_usage(sql, "acme", "api_calls", 5, minute=7)
    assert export().code == 0
    evidence = sql.execute(
        "select company_id, sum(quantity) from (select company_id, quantity from billing_export_items "
        "where company_id is not null union all select company_id, quantity from billing_export_origins) e "
        "group by 1 having sum(quantity) <> 0"
    ).fetchall()
    assert evidence == [("acme", 105)]
    # Without a customer now, its usage stays counted where it is.
    rekey(sql, "acme", None)
    assert export().document["batches"] == []


def test_two_companies_that_are_merged_are_billed_once(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    add_usage(sql, "co_2", "api_calls", 7)
    assert export().code == 0
    rename(sql, "co_1", "co_2")
    sql.execute("delete from billing_companies where company_id = 'co_1'")
    assert export().code == 3
    assert reasons(plan().document) == {"correction": ("0", "-100"), "moved": ("100", "0")}
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 7}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 107}


def test_a_usage_meter_that_is_renamed_sends_nothing(
    sql: Connection,
    stripe: StripeDouble,
    hundred: None,
    export: Billing,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql.execute("update billing_usage_events set meter = 'requests'")
    with open(f"{tmp_path}/billing.toml", "w") as file:
        file.write('[meters.requests]\nevent_name = "api_calls"\n')
    monkeypatch.setenv("BILLING_CONFIG", f"{tmp_path}/billing.toml")
    again = export()
    assert (again.code, again.document["batches"]) == (0, [])
    # A company that stays and a meter that is mapped elsewhere: usage of the old name is corrected there.
    with open(f"{tmp_path}/billing.toml", "w") as file:
        file.write('[meters.requests]\nevent_name = "storage_gb"\n')
    assert export().code == 3
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_1", "storage_gb"): 100}


def test_a_stripe_meter_made_anew_gets_neither_the_usage_nor_the_corrections_of_the_old_one(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_export_items set meter_id = 'mtr_archived'")
    sql.execute("delete from billing_usage_events where quantity = 40")
    assert reasons(plan("--allow-corrections").document) == {"former_meter": ("0", "-100"), "moved": ("60", "0")}
    assert export("--allow-corrections").code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}


def test_an_old_stripe_meter_that_is_used_again_gets_neither_the_usage_nor_the_corrections_of_the_one_between(
    sql: Connection, stripe: StripeDouble, billing: Billing, plan: Billing, export: Billing
) -> None:
    stripe.clock(-30 * 86_400)
    stripe.bulk([], [{"event_name": "calls", "id": "mtr_old"}])
    stripe.clock(0)
    meters = stripe.client().v1.billing.meters
    meters.deactivate("mtr_old")
    between = meters.create({"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}})
    add_usage(sql, "co_1", "calls", 60)
    add_usage(sql, "co_1", "calls", 40, minute=6)
    assert export().code == 0
    meters.deactivate(between.id)
    meters.reactivate("mtr_old")
    assert reasons(plan().document) == {"former_meter": ("0", "-100"), "moved": ("100", "0")}
    sql.execute("delete from billing_usage_events where quantity = 40")
    add_usage(sql, "co_1", "calls", 7, hour=3)
    corrected = export("--allow-corrections")
    assert (corrected.code, corrected.document["to_mend"]) == (3, ["former_meter", "moved"])
    assert values(stripe, "cus_1") == ["100", "7"]
    again = export("--allow-corrections")
    assert (again.code, again.document["batches"]) == (3, [])


def test_rows_that_move_within_the_period_are_never_more_than_the_usage(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing
) -> None:
    sql.execute("update billing_usage_events set occurred_at = occurred_at + interval '5 hours'")
    assert export().code == 0
    assert [event["value"] for event in stripe.events()] == ["100", "-100", "100"]


def test_an_increase_that_covers_a_decrease_of_the_period_takes_it_along(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing
) -> None:
    sql.execute("delete from billing_usage_events where quantity = 40")
    add_usage(sql, "co_1", "api_calls", 45, hour=3)
    assert export().code == 0
    assert values(stripe, "cus_1") == ["100", "-40", "45"]


def test_where_the_total_would_shrink_nothing_of_the_receiver_is_sent(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("delete from billing_usage_events where quantity = 40")
    add_usage(sql, "co_1", "api_calls", 39, hour=3)
    add_usage(sql, "co_2", "api_calls", 1, hour=3)
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 1}
    assert reasons(plan().document) == {"correction": ("39", "-40")}
    assert export("--allow-corrections").code == 0
    assert totals(stripe)["cus_1", "api_calls"] == 99


def test_rows_that_changed_hands_are_held_until_the_other_side_goes(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_usage_events set company_id = 'co_2' where quantity = 40")
    assert export().code == 3
    assert reasons(plan().document) == {"correction": ("0", "-40"), "moved": ("40", "0")}
    assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_1", "api_calls"): 60, ("cus_2", "api_calls"): 40}


def test_an_increase_waits_until_its_correction_is_accepted(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing
) -> None:
    rekey(sql, "co_1", "cus_2")
    stripe.fault(kind="status", status=400, endpoint="/v1/billing/meter_events", count=1)
    refused = export("--allow-corrections")
    assert refused.code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100}
    assert [(batch["accepted"], batch["rejected"]) for batch in refused.document["batches"]] == [(0, 2)]
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_2", "api_calls"): 100}


def test_companies_of_one_customer_make_one_total(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing, billing: Billing
) -> None:
    rekey(sql, "co_2", "cus_1")
    add_usage(sql, "co_1", "api_calls", 100)
    add_usage(sql, "co_2", "api_calls", 50)
    assert [line["company_id"] for line in plan().document["lines"]] == ["co_1, co_2"]
    batch = export()
    assert (batch.code, values(stripe, "cus_1")) == (0, ["150"])
    origins = sql.execute("select company_id, quantity from billing_export_origins order by 1").fetchall()
    assert origins == [("co_1", 100), ("co_2", 50)]
    rekey(sql, "co_2", "cus_2")
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 50}


def test_companies_of_one_customer_make_one_total_on_a_meter_that_replaces(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    stripe.bulk([], [{"event_name": "seats", "id": "mtr_seats", "formula": "last"}])
    rekey(sql, "co_2", "cus_1")
    add_usage(sql, "co_1", "seats", 100)
    add_usage(sql, "co_2", "seats", 50)
    assert export().code == 0
    assert values(stripe, "cus_1") == ["150"]
    assert export().document["batches"] == []


@pytest.mark.parametrize("lost", ["customer", "company"])
def test_usage_that_cannot_be_routed_any_more_stays_where_it_was_sent(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing, billing: Billing, lost: str
) -> None:
    if lost == "customer":
        rekey(sql, "co_1", None)
    else:
        sql.execute("delete from billing_companies where company_id = 'co_1'")
    assert (plan().document["events"], plan().document["skipped"]) == (0, [])
    add_usage(sql, "co_1", "api_calls", 5, minute=7)
    add_usage(sql, "co_2", "api_calls", 1)
    reason = {"customer": "no_customer", "company": "unknown_company"}[lost]
    assert reasons(plan().document) == {reason: ("5", "0")}
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): 1}
    assert plan().document["rows"] == {"window": 4, "to_send": 0, "sent": 3, "skipped": 1}


def test_a_company_that_lost_its_customer_does_not_spoil_the_reconciliation(
    sql: Connection, hundred: None, billing: Billing
) -> None:
    rekey(sql, "co_1", None)
    assert billing("reconcile", "usage", "--period", "yesterday").code == 0


def test_the_reconciliation_reads_customers_of_no_company(sql: Connection, hundred: None, billing: Billing) -> None:
    sql.execute("delete from billing_companies")
    sql.execute("delete from billing_usage_events")
    answer = billing("reconcile", "usage", "--period", "yesterday")
    assert answer.code == 3
    assert "cus_1" in str(answer.document["findings"])


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u200b", "\ufeff", "\t\u2003\u2060"])
def test_customer_ids_lose_every_blank_around_them(
    sql: Connection, stripe: StripeDouble, export: Billing, blank: str
) -> None:
    rekey(sql, "co_1", f"{blank}cus_1{blank}")
    rekey(sql, "co_2", blank)
    add_usage(sql, "co_1", "api_calls", 5)
    add_usage(sql, "co_2", "api_calls", 5)
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 5}


@pytest.mark.parametrize("extreme", ["1e-401", "1e5000", "-1e5000", "1e30"])
def test_one_extreme_number_stops_nobody_else(
    sql: Connection, stripe: StripeDouble, plan: Billing, export: Billing, extreme: str
) -> None:
    add_usage(sql, "co_1", "api_calls", extreme)
    add_usage(sql, "co_2", "api_calls", 5)
    assert [entry["reason"] for entry in plan().document["skipped"]] == ["bad_quantity"]
    assert export().code == 3
    assert totals(stripe) == {("cus_2", "api_calls"): 5}


def test_rows_of_no_possible_time_are_warned_of(sql: Connection, plan: Billing) -> None:
    for moment in (None, "infinity", "2999-01-01Z", "-infinity", "1970-01-01Z"):
        sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
            "values ('co_1', 'api_calls', 1, %s)",
            (moment,),
        )
    _, undated, future, ancient = plan().document["warnings"]
    assert undated.startswith("1 usage row has no occurred_at")
    assert future.startswith("2 usage rows have an occurred_at in the future")
    assert ancient.startswith("2 usage rows have an occurred_at before 2010")


def test_a_warning_speaks_of_what_is_sent(sql: Connection, hundred: None, plan: Billing) -> None:
    add_usage(sql, "co_1", "api_calls", -500, minute=8)
    assert plan().document["warnings"] == []
    assert "the total is negative (-400)" in plan("--allow-corrections").document["warnings"][0]


def test_rows_and_totals_that_were_not_sent_are_counted_apart(
    sql: Connection, hundred: None, capsys: pytest.CaptureFixture[str], export: Billing
) -> None:
    sql.execute("delete from billing_usage_events where quantity = 40")
    export()
    capsys.readouterr()
    assert run(["export", "--period", "yesterday", "--confirm"]) == 3
    assert "1 hourly total was held (correction) and needs a person." in capsys.readouterr().out


def test_after_a_day_a_rollback_leads_to_the_customer_that_has_the_usage(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing, billing: Billing
) -> None:
    batch = billing("batches", "list").document["batches"][0]["batch_id"]
    sql.execute("update billing_export_items set first_sent_at = first_sent_at - interval '25 hours'")
    (line,) = billing("batches", "rollback", batch).document["lines"]
    assert (line["stripe_customer_id"], len(line["remedies"])) == ("cus_1", 2)
    rekey(sql, "co_1", "cus_2")
    (line,) = billing("batches", "rollback", batch).document["lines"]
    assert (line["stripe_customer_id"], line["is_companys"]) == ("cus_1", False)
    (correct,) = line["remedies"]
    assert correct.startswith("billing export") and correct.endswith("--allow-corrections")


def test_a_batch_names_the_customer_and_the_origins_of_its_items(
    sql: Connection, export: Billing, billing: Billing
) -> None:
    rekey(sql, "co_2", "cus_1")
    add_usage(sql, "co_1", "api_calls", 100)
    add_usage(sql, "co_2", "api_calls", 50)
    batch = export().document["batches"][0]["batch_id"]
    (item,) = billing("batches", "show", batch).document["items"]
    assert (item["stripe_customer_id"], item["event_name"], item["company_id"]) == ("cus_1", "api_calls", "co_1, co_2")
    assert [(origin["company_id"], origin["quantity"]) for origin in item["origins"]] == [
        ("co_1", "100"),
        ("co_2", "50"),
    ]
    assert billing("batches", "verify", batch).code == 0
    assert billing("batches", "rollback", batch).document["lines"][0]["company_id"] == "co_1, co_2"
    shares = [entry["quantity"] for entry in billing("timeline", "co_2").document["entries"] if entry["kind"] == "item"]
    assert shares == ["50"]


def test_a_run_for_the_new_company_alone_holds_what_the_old_one_still_has(
    sql: Connection, stripe: StripeDouble, hundred: None, export: Billing
) -> None:
    sql.execute("update billing_usage_events set company_id = 'co_2' where quantity = 40")
    answer = export("--company", "co_2", "--allow-corrections")
    assert (answer.code, answer.document["to_mend"]) == (3, ["moved"])
    assert totals(stripe) == {("cus_1", "api_calls"): 100}


def test_what_is_held_as_moved_covers_no_decrease(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    add_usage(sql, "co_2", "api_calls", "40.5", hour=2)
    assert export().code == 0
    sql.execute("delete from billing_usage_events where quantity = 40")
    sql.execute("update billing_usage_events set company_id = 'co_1' where company_id = 'co_2'")
    assert export().code == 3
    assert totals(stripe) == {("cus_1", "api_calls"): 100, ("cus_2", "api_calls"): Decimal("40.5")}
    assert reasons(plan().document)["correction"][1] == "-80.5"
    assert export("--allow-corrections").code == 0
    assert totals(stripe) == {("cus_1", "api_calls"): Decimal("100.5")}


def test_rows_that_go_to_several_receivers_are_held_together(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing, export: Billing
) -> None:
    sql.execute("update billing_usage_events set company_id = 'co_2' where quantity = 40")
    sql.execute("update billing_usage_events set company_id = 'co_3' where quantity = 60")
    assert export().code == 3
    assert reasons(plan().document) == {"correction": ("0", "-100"), "moved": ("100", "0")}
    assert totals(stripe) == {("cus_1", "api_calls"): 100}


def test_what_an_older_version_sent_to_an_earlier_meter_is_told_by_its_time(
    sql: Connection, stripe: StripeDouble, hundred: None, plan: Billing
) -> None:
    sql.execute("update billing_export_items set meter_id = null")
    assert plan().document["skipped"] == []
    sql.execute("update billing_export_items set first_sent_at = first_sent_at - interval '1 hour'")
    assert reasons(plan().document) == {"former_meter": ("0", "-100"), "moved": ("100", "0")}
