"""A batch taken back: what is cancelled, what cannot be, and what the next export makes of it."""

from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage, owed

from .conftest import Answer, Billing

ADJUSTMENTS = "/v1/billing/meter_event_adjustments"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.event_canceller.CANCELLATIONS_PER_S", 1e6)
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0.01)


@pytest.fixture
def batch(billing: Billing, sql: Connection, export: Billing) -> str:
    """Yesterday's usage of three companies in five hours and two meters, exported."""
    for number in (1, 2, 3):
        for hour in range(5):
            add_usage(sql, f"co_{number}", "api_calls", f"{number}.{hour}5", hour=hour)
        add_usage(sql, f"co_{number}", "storage_gb", "0.1")
    answer = export()
    assert answer.code == 0, answer
    return str(answer.document["batches"][0]["batch_id"])


@pytest.fixture
def rollback(billing: Billing) -> Billing:
    """Takes a batch back for real."""
    return lambda batch, *options: billing("batches", "rollback", batch, "--confirm", *options)


def fates(answer: Answer) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in answer.document["lines"]:
        found[line["fate"]] = found.get(line["fate"], 0) + line["events"]
    return found


def states(sql: Connection) -> dict[str, int]:
    counts = sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    return dict(counts)


def state_of(sql: Connection, batch: str) -> str:
    rows = sql.execute("select state::text from billing_export_batches where batch_id = %s", (batch,)).fetchall()
    return str(rows[0][0])


def billed(stripe: StripeDouble) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = {}
    for event in stripe.events():
        key = (event["event_name"], event["customer"])
        totals[key] = totals.get(key, Decimal(0)) + Decimal(event["value"])
    return {key: total.normalize() for key, total in totals.items()}


def test_the_plan_says_what_is_cancelled_and_that_the_next_export_holds_it(batch: str, billing: Billing) -> None:
    plan = billing("batches", "rollback", batch)
    assert (plan.code, fates(plan), plan.document["events"]) == (0, {"cancel": 18}, 18)
    line = next(line for line in plan.document["lines"] if line["company_id"] == "co_2")
    assert (line["meter"], line["events"], line["quantity"]) == ("api_calls", 5, "11.25")
    assert 86_000 < line["cancel_left_s"] <= 86_400
    assert "final" in plan.document["warnings"][0]
    assert plan.document["resend_command"].endswith("--resend-rolled-back")


def test_totals_drop_to_what_they_were(
    batch: str, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    before = billed(stripe)
    add_usage(sql, "co_1", "api_calls", 100, minute=30)
    second = export().document["batches"][0]["batch_id"]
    assert billed(stripe) != before
    answer = rollback(second)
    assert (answer.code, fates(answer), answer.document["kept"]) == (0, {"cancelled": 1}, 0)
    assert billed(stripe) == before
    assert state_of(sql, second) == "done"


def test_what_was_cancelled_is_held_and_sent_again_only_on_request(
    batch: str, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    old = {event["identifier"] for event in stripe.events()}
    assert rollback(batch).code == 0
    assert (stripe.events(), states(sql)) == ([], {"cancelled": 18})
    held = export()
    assert (held.code, held.document["to_mend"], held.document["batches"]) == (3, ["rolled_back"], [])
    assert held.document["rows"]["skipped"] == 18
    again = export("--resend-rolled-back")
    assert (again.code, again.document["rows"]["to_send"]) == (0, 18)
    assert not old & {event["identifier"] for event in stripe.events()}
    assert billed(stripe) == owed(sql)
    after = export()
    assert (after.code, after.document["batches"]) == (0, [])


def test_later_rows_of_an_hour_do_not_bring_back_what_was_cancelled_of_it(
    batch: str, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 100, minute=30)
    assert export().code == 0
    assert rollback(batch).code == 0
    assert billed(stripe) == {("api_calls", "cus_1"): Decimal(100)}
    held = export()
    assert (held.code, held.document["to_mend"], held.document["batches"]) == (3, ["rolled_back"], [])
    assert export("--resend-rolled-back").code == 0
    assert billed(stripe) == owed(sql)
    add_usage(sql, "co_1", "api_calls", 1, minute=40)
    assert export().code == 0
    assert billed(stripe) == owed(sql)


def test_corrected_usage_is_what_is_sent_again(
    batch: str, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    rollback(batch)
    sql.execute("update billing_usage_events set quantity = quantity / 2 where company_id <> 'co_3'")
    sql.execute("delete from billing_usage_events where company_id = 'co_3'")
    assert export("--resend-rolled-back").code == 0
    assert billed(stripe) == owed(sql)
    assert export().code == 0


def test_what_was_sent_again_can_be_taken_back_again(
    batch: str, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    rollback(batch)
    second = export("--resend-rolled-back").document["batches"][0]["batch_id"]
    assert rollback(second).code == 0
    assert stripe.events() == []
    assert export().document["to_mend"] == ["rolled_back"]


def test_events_past_a_day_are_left_and_said_what_to_do_about(
    batch: str, billing: Billing, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    # An hour of margin: Stripe's day is counted from when it received the event.
    sql.execute(
        "update billing_export_items set first_sent_at = now() - interval '23 hours 1 second' where company_id = 'co_1'"
    )
    sql.execute(
        "update billing_export_items set first_sent_at = now() - interval '22 hours 59 minutes' "
        "where company_id = 'co_2'"
    )
    plan = billing("batches", "rollback", batch)
    assert fates(plan) == {"cancel": 12, "late": 6}
    late = [line for line in plan.document["lines"] if line["fate"] == "late"]
    assert {line["company_id"] for line in late} == {"co_1"}
    correct, credit = late[0]["remedies"]
    assert "--company co_1 --meter api_calls --allow-corrections" in correct
    assert credit.startswith("billing adjust co_1 credit ")
    assert "--as credit-note" in credit
    answer = rollback(batch)
    assert (answer.code, states(sql), answer.document["kept"]) == (3, {"accepted": 6, "cancelled": 12}, 6)
    assert {event["customer"] for event in stripe.events()} == {"cus_1"}
    # The correction that the plan proposes takes the rest off.
    sql.execute("delete from billing_usage_events")
    assert export("--allow-corrections").code == 0
    assert all(total == 0 for total in billed(stripe).values())


def test_whole_totals_cannot_be_cancelled_but_a_last_value_can(
    billing: Billing, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    stripe.bulk(
        [], [{"event_name": "by_hour", "event_time_window": "hour"}, {"event_name": "seats", "formula": "last"}]
    )
    stripe.bulk([], [{"event_name": "peak", "formula": "last", "event_time_window": "hour"}])
    add_usage(sql, "co_1", "by_hour", 5)
    add_usage(sql, "co_1", "peak", 5)
    add_usage(sql, "co_1", "seats", 5)
    first = export().document["batches"][0]["batch_id"]
    add_usage(sql, "co_1", "by_hour", 2, minute=30)
    add_usage(sql, "co_1", "seats", 9, minute=30)
    second = export().document["batches"][0]["batch_id"]
    assert fates(billing("batches", "rollback", first)) == {"overtaken": 1, "total": 2}
    answer = rollback(second)
    assert (answer.code, fates(answer)) == (3, {"cancelled": 1, "total": 1})
    assert [event["value"] for event in stripe.events() if event["event_name"] == "seats"] == ["5"]
    assert fates(billing("batches", "rollback", first)) == {"cancel": 1, "total": 2}
    assert export("--resend-rolled-back").code == 0
    assert [event["value"] for event in stripe.events() if event["event_name"] == "seats"] == ["5", "9"]


def test_events_of_the_stream_are_cancelled_just_so(
    sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    add_usage(sql, "co_2", "api_calls", 7)
    batch = export("--backend", "stream").document["batches"][0]["batch_id"]
    assert billed(stripe) == owed(sql)
    assert (rollback(batch).code, stripe.events()) == (0, [])
    assert export("--backend", "stream", "--resend-rolled-back").code == 0
    assert billed(stripe) == owed(sql)


def test_an_open_batch_must_be_finished_first(
    billing: Billing, sql: Connection, stripe: StripeDouble, export: Billing, rollback: Billing
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events")
    export()
    stripe.heal()
    batch = billing("batches", "list").document["batches"][0]["batch_id"]
    answer = rollback(batch)
    assert answer.code == 2
    assert f"LIVE=true billing batches resume {batch} --confirm" in answer.stderr
    assert billing("batches", "resume", batch, "--confirm").code == 0
    assert rollback(batch).code == 0


def test_a_batch_nobody_knows_or_of_another_account_is_refused(batch: str, rollback: Billing, sql: Connection) -> None:
    assert rollback("exp_nowhere").code == 2
    sql.execute("update billing_export_batches set livemode = true")
    assert "Use the key of the batch's own account." in rollback(batch).stderr


def test_a_second_rollback_does_nothing(batch: str, stripe: StripeDouble, rollback: Billing, sql: Connection) -> None:
    assert rollback(batch).code == 0
    requests = len(stripe.log())
    audited = sql.execute("select count(*) from billing_audit_log").fetchall()
    again = rollback(batch)
    assert (again.code, fates(again)) == (0, {"cancelled": 18})
    assert [line["method"] for line in stripe.log()[requests:]] == ["GET"] * (len(stripe.log()) - requests)
    assert sql.execute("select count(*) from billing_audit_log").fetchall() == audited


def test_what_stripe_refuses_counts_as_before_and_may_be_asked_for_again(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing, billing: Billing
) -> None:
    stripe.fault(kind="status", status=400, endpoint=ADJUSTMENTS, count=2)
    answer = rollback(batch)
    assert (answer.code, answer.document["kept"]) == (3, 2)
    assert (states(sql), state_of(sql, batch)) == ({"accepted": 2, "cancelled": 16}, "done")
    refused = [line for line in answer.document["lines"] if line["fate"] == "cancel"]
    assert refused[0]["error"].startswith("400: ")
    assert f"billing batches rollback {batch}" in refused[0]["remedies"]
    assert len(stripe.events()) == 2
    assert rollback(batch).code == 0
    assert stripe.events() == []


def test_what_stripe_refused_or_was_not_asked_for_is_not_taken_up_again_by_the_same_run(
    batch: str, sql: Connection, stripe: StripeDouble
) -> None:
    def call(function: str, *arguments: object) -> Any:
        places = ", ".join(["%s"] * len(arguments))
        return sql.execute(f"select {function}({places})", arguments).fetchall()[0][0]

    ((items_hash,),) = sql.execute("select billing_rollback_hash_v1(%s, '[]')", (batch,)).fetchall()
    call("billing_rollback_open_v1", batch, "[]", items_hash, "digest", "tester")
    call("billing_batch_acquire_v2", batch, "me", "tester")
    claimed = call("billing_rollback_claim_v1", batch, "me", "tester", "[]", 10)["items"]
    first, *rest = (item["item_id"] for item in claimed)
    answers = [{"item_id": item, "outcome": "refused", "tries": 1, "error": "400: No."} for item in rest]
    answers.append({"item_id": first, "outcome": "unsent", "tries": 3, "error": "429: Slow down."})
    call("billing_batch_settle_v1", batch, "me", "tester", Jsonb(answers))
    others = call("billing_rollback_claim_v1", batch, "me", "tester", "[]", 100)["items"]
    assert len(others) == 8
    assert not {item["item_id"] for item in claimed} & {item["item_id"] for item in others}
    done = [{"item_id": item["item_id"], "outcome": "cancelled", "tries": 1} for item in others]
    call("billing_batch_settle_v1", batch, "me", "tester", Jsonb(done))
    # A second settlement of the same answers, as after a lost reply, changes nothing.
    assert call("billing_batch_settle_v1", batch, "me", "tester", Jsonb(done))["settled"] == 0
    assert call("billing_rollback_finish_v1", batch, "me", "tester", "[]")["state"] == "rolling_back"
    assert states(sql) == {"accepted": 10, "cancelled": 8}
    # The next run asks for what was not asked for; what was refused is not left.
    call("billing_batch_acquire_v2", batch, "other", "tester")
    (item,) = call("billing_rollback_claim_v1", batch, "other", "tester", "[]", 100)["items"]
    assert (item["item_id"], item["maybe_sent"]) == (first, False)
    last = [{"item_id": first, "outcome": "cancelled", "tries": 1}]
    call("billing_batch_settle_v1", batch, "other", "tester", Jsonb(last))
    assert call("billing_rollback_finish_v1", batch, "other", "tester", "[]")["state"] == "done"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_reply"},
        {"kind": "reset"},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 409},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_what_passes_is_tried_again_until_every_event_is_cancelled(
    fault: dict[str, Any], batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing
) -> None:
    stripe.fault(endpoint=ADJUSTMENTS, probability=0.5, seed=5, **fault)
    assert rollback(batch).code == 0
    assert (stripe.events(), states(sql)) == ([], {"cancelled": 18})


def test_a_refusal_after_a_lost_answer_proves_nothing_and_is_left_to_a_person(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing, export: Billing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 2)
    stripe.fault(kind="lost_reply", endpoint=ADJUSTMENTS)
    rollback(batch)
    stripe.heal()
    # As if Stripe had forgotten the keys, and with them its answers.
    sql.execute("update billing_export_items set attempts = attempts + 10")
    stripe.fault(kind="status", status=400, endpoint=ADJUSTMENTS)
    answer = rollback(batch)
    assert (answer.code, states(sql), answer.document["kept"]) == (3, {"ambiguous": 18}, 18)
    assert answer.document["lines"][0]["remedies"] == [f"billing batches show {batch} --state ambiguous"]
    # Neither held nor sent again: it may be counted, and it may not.
    again = export("--resend-rolled-back")
    assert (again.code, again.document["batches"]) == (0, [])
    # Once Stripe's totals prove that it is not, it is cancelled: not free to be sent again unasked.
    items = [row[0] for row in sql.execute("select item_id from billing_export_items").fetchall()]
    changes = [{"item_id": item, "before": "ambiguous", "after": "rejected", "reason": None} for item in items]
    sql.execute("select billing_proof_apply_v1(%s, 'tester', '[]', %s)", (batch, Jsonb(changes)))
    assert states(sql) == {"cancelled": 18}
    assert export().document["to_mend"] == ["rolled_back"]


def test_what_stripe_reports_as_not_counted_is_cancelled_if_it_was_to_be_forgotten(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing
) -> None:
    stripe.fault(kind="status", status=400, endpoint=ADJUSTMENTS)
    rollback(batch)
    samples = [{"request": {"identifier": f"{batch}-1"}, "error_message": "No such customer."}]
    report = {"data": {"reason": {"error_types": [{"code": "no_customer", "sample_errors": samples}]}}}
    sql.execute("select billing_webhook_meter_error_v1(%s, 'evt_1', false, 'tester')", (Jsonb(report),))
    assert states(sql) == {"accepted": 17, "cancelled": 1}


def test_a_silent_stripe_leaves_open_claims_for_the_same_command(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing, billing: Billing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 2)
    stripe.fault(kind="lost_reply", endpoint=ADJUSTMENTS)
    answer = rollback(batch)
    assert (answer.code, state_of(sql, batch)) == (5, "rolling_back")
    shown = billing("batches", "show", batch).document["batch"]
    assert shown["next_command"] == f"LIVE=true billing batches rollback {batch} --confirm"
    assert shown["cancelling"] == 18
    stripe.heal()
    plan = billing("batches", "rollback", batch)
    assert fates(plan) == {"cancelling": 18}
    # Stripe repeats the answer that was lost, for the keys are the same.
    assert rollback(batch).code == 0
    assert (stripe.events(), states(sql)) == ([], {"cancelled": 18})
    keys = sql.execute("select max(attempts) from billing_export_items").fetchall()
    assert keys == [(2,)]


def test_a_key_that_is_refused_stops_it_and_loses_nothing(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing
) -> None:
    stripe.fault(kind="status", status=401, endpoint=ADJUSTMENTS)
    assert rollback(batch).code == 78
    assert states(sql) == {"accepted": 18}
    assert state_of(sql, batch) == "rolling_back"
    stripe.heal()
    assert rollback(batch).code == 0
    assert stripe.events() == []


def test_what_changed_since_the_plan_is_refused(
    batch: str, sql: Connection, stripe: StripeDouble, rollback: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing_cli.usecases import rollback as module

    run = module.run_rollback

    def later(*arguments: Any) -> Any:
        sql.execute(
            "update billing_export_items set first_sent_at = now() - interval '2 days' where company_id = 'co_1'"
        )
        return run(*arguments)

    monkeypatch.setattr("billing_cli.usecases.rollback.run_rollback", later)
    answer = rollback(batch)
    assert (answer.code, "Plan changed" in answer.stderr) == (4, True)
    assert (len(stripe.events()), state_of(sql, batch)) == (18, "done")


def test_it_works_over_rest_as_well(
    batch: str, billing: Billing, rest: PostgrestDouble, sql: Connection, stripe: StripeDouble, rollback: Billing,
    monkeypatch: pytest.MonkeyPatch, db_url: str,
) -> None:  # fmt: skip
    for name in wire_environment(db_url, stripe.url):
        monkeypatch.delenv(name, raising=False)
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
        monkeypatch.setenv(name, value)
    assert rollback(batch).code == 0
    assert (stripe.events(), states(sql)) == ([], {"cancelled": 18})
