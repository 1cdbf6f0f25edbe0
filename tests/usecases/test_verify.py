"""Did Stripe count what it took? Its totals beside what was accepted, and what is written down of it."""

from collections import Counter
from datetime import timedelta
from threading import Event

import pytest
from support.everything import everything
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from .conftest import DAY, Answer, Billing

START_S = int(YESTERDAY.timestamp())


@pytest.fixture
def batch(export: Billing, sql: Connection) -> str:
    """Two hours of co_1 and one of co_2 at Stripe, with fractions that floats cannot hold."""
    for company, hour, quantity in (("co_1", 1, "0.1"), ("co_1", 1, "0.2"), ("co_1", 5, 7), ("co_2", 3, "1000000.003")):
        add_usage(sql, company, "api_calls", quantity, hour)
    answer = export()
    assert answer.code == 0
    batch_id: str = answer.document["batches"][0]["batch_id"]
    return batch_id


@pytest.fixture
def verify(billing: Billing, batch: str) -> Billing:
    return lambda *options: billing("batches", "verify", batch, "--confirm", *options)


def states(sql: Connection) -> Counter[str]:
    rows = sql.execute(
        "select state::text || case when verified_at is null then '' else ' verified' end from billing_export_items"
    )
    return Counter(row[0] for row in rows.fetchall())


def verdicts(answer: Answer) -> dict[str, int]:
    return {name: count for name, count in answer.document["totals"].items() if count}


def age(sql: Connection, hours: int = 2) -> None:
    """Beyond the lag that is allowed."""
    sql.execute(
        "update billing_export_items set first_sent_at = first_sent_at - make_interval(hours => %(h)s), "
        "last_sent_at = last_sent_at - make_interval(hours => %(h)s), settled_at = settled_at - make_interval(hours => %(h)s)",
        {"h": hours},
    )


def test_what_stripe_counted_is_verified_and_not_read_again(
    verify: Billing, billing: Billing, batch: str, sql: Connection, stripe: StripeDouble
) -> None:
    first = verify()
    assert (first.code, verdicts(first), first.document["found"]) == (0, {"found": 3}, 3)
    assert first.document["batch"]["verified_at"]
    assert states(sql) == {"accepted verified": 3}
    calls = len(stripe.log())
    second = verify()
    assert (second.code, second.document["totals"], second.document["verified_before"]) == (
        0,
        second.document["totals"],
        3,
    )
    assert not [call for call in stripe.log()[calls:] if "event_summaries" in call["path"]]
    assert verdicts(verify("--again")) == {"found": 3}


def test_without_confirm_the_same_is_shown_and_nothing_is_written(
    billing: Billing, batch: str, sql: Connection, stripe: StripeDouble
) -> None:
    before = everything(sql)
    shown = billing("batches", "verify", batch)
    assert (shown.code, verdicts(shown), shown.document["gates"]["confirm"]) == (0, {"found": 3}, False)
    age(sql)
    before = everything(sql)
    stripe.forget("7")
    assert billing("batches", "verify", batch).code == 3
    stripe.set_lag(86_400)
    assert everything(sql) == before
    done = billing("batches", "verify", batch, "--confirm", "--expect", shown.document["digest"])
    assert (done.code, everything(sql)) == (4, before)


def test_the_digest_of_the_dry_run_carries_out_exactly_that(billing: Billing, batch: str, verify: Billing) -> None:
    digest = billing("batches", "verify", batch).document["digest"]
    assert verify("--expect", digest[:16]).code == 0


def test_totals_that_lag_are_no_fault_and_the_same_command_goes_on(
    verify: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.set_lag(3600)
    early = verify()
    assert (early.code, verdicts(early), states(sql)) == (5, {"later": 3}, {"accepted": 3})
    stripe.set_lag(0)
    assert (verify().code, states(sql)) == (0, {"accepted verified": 3})


def test_an_event_that_stripe_did_not_count_is_missing_once_the_lag_is_over_and_never_sent_by_itself(
    verify: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.forget("7")
    early = verify()
    assert (early.code, verdicts(early), states(sql)) == (
        5,
        {"found": 2, "later": 1},
        {"accepted verified": 2, "accepted": 1},
    )
    age(sql)
    late = verify()
    assert (late.code, verdicts(late), states(sql)) == (3, {"less": 1}, {"accepted verified": 2, "missing": 1})
    (slot,) = late.document["wrong"]
    assert (slot["company_id"], slot["start"][11:16], slot["stripe"], slot["sent"], slot["difference"]) == (
        "co_1", "05:00", "0", "7", "-7",
    )  # fmt: skip
    assert [(change["before"], change["after"]) for change in late.document["changes"]] == [("accepted", "missing")]
    assert export().document["batches"] == []
    again = verify()
    assert (again.code, again.document["changes"], again.document["batch"]["verified_at"]) == (3, [], None)


def test_what_is_missing_for_a_day_is_sent_again_where_a_person_asks_for_it(
    verify: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.forget("7")
    age(sql)
    verify()
    early = verify("--resend-missing")
    assert (early.code, early.document["changes"]) == (3, [])
    age(sql, hours=22)
    given_up = verify("--resend-missing")
    assert [(change["before"], change["after"]) for change in given_up.document["changes"]] == [("missing", "rejected")]
    assert export("--verify", "--verify-for", "0").code == 0
    assert sorted(event["value"] for event in stripe.events()) == ["0.3", "1000000.003", "7"]


def test_a_missing_event_that_turns_up_is_accepted(verify: Billing, sql: Connection, stripe: StripeDouble) -> None:
    stripe.set_lag(7200)
    age(sql)
    assert (verify().code, states(sql)) == (3, {"missing": 3})
    stripe.set_lag(0)
    found = verify()
    assert (found.code, states(sql)) == (0, {"accepted verified": 3})
    assert found.document["batch"]["verified_at"]


def test_an_event_named_in_an_error_is_rejected_with_the_reason_and_sent_anew_by_the_next_export(
    billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    """Stripe takes events of customers that it does not have, and says so later."""
    sql.execute("update billing_companies set stripe_customer_id = 'cus_new' where company_id = 'co_1'")
    add_usage(sql, "co_1", "api_calls", 5)
    batch = export().document["batches"][0]["batch_id"]
    answer = billing("batches", "verify", batch, "--confirm")
    assert (answer.code, verdicts(answer), states(sql)) == (3, {"unknown": 1}, {"rejected": 1})
    assert "meter_event_customer_not_found" in answer.document["changes"][0]["reason"]
    stripe.bulk([{"id": "cus_new"}], [])
    assert (export("--verify", "--verify-for", "0").code, [e["value"] for e in stripe.events()]) == (0, ["5"])


def test_of_many_failures_stripe_names_a_few_and_the_rest_is_not_guessed(
    billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    sql.execute("update billing_companies set stripe_customer_id = 'cus_new' where company_id = 'co_1'")
    for hour in range(8):
        add_usage(sql, "co_1", "api_calls", 5, hour=hour)
    batch = export().document["batches"][0]["batch_id"]
    age(sql)
    answer = billing("batches", "verify", batch, "--confirm")
    assert (answer.code, states(sql)) == (3, {"rejected": 5, "accepted": 3})
    # Once Stripe has the customer, its totals tell.
    stripe.bulk([{"id": "cus_new"}], [])
    assert (billing("batches", "verify", batch, "--confirm").code, states(sql)) == (3, {"rejected": 5, "missing": 3})


def test_what_another_program_sent_is_reported_and_nothing_is_changed(
    verify: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.send_as_another("cus_1", "9", START_S + 5 * 3600 + 60)
    age(sql)
    answer = verify()
    assert (answer.code, verdicts(answer), states(sql)) == (
        3,
        {"found": 2, "more": 1},
        {"accepted verified": 2, "accepted": 1},
    )
    assert [(slot["stripe"], slot["sent"], slot["difference"]) for slot in answer.document["wrong"]] == [
        ("16", "7", "9")
    ]
    assert answer.document["changes"] == []


def test_a_shortfall_that_fits_no_event_is_reported_and_nothing_is_changed(
    verify: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.forget("7")
    stripe.send_as_another("cus_1", "3", START_S + 5 * 3600 + 60)
    assert verdicts(verify()) == {"found": 2, "later": 1}
    age(sql)
    answer = verify()
    assert (answer.code, verdicts(answer), answer.document["changes"]) == (3, {"untold": 1}, [])
    assert states(sql) == {"accepted verified": 2, "accepted": 1}


def test_equal_amounts_of_one_hour_are_not_told_apart_before_one_was_verified(
    export: Billing, billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    add_usage(sql, "co_3", "api_calls", 4)
    first = export().document["batches"][0]["batch_id"]
    add_usage(sql, "co_3", "api_calls", 4)
    second = export().document["batches"][0]["batch_id"]
    identifier = sql.execute("select identifier from billing_export_items where batch_id = %s", (second,)).fetchone()
    assert identifier
    stripe.forget_identifier(identifier[0], "api_calls")
    age(sql)
    assert verdicts(billing("batches", "verify", second, "--confirm")) == {"untold": 1}
    sql.execute("update billing_export_items set verified_at = now() where batch_id = %s", (first,))
    told = billing("batches", "verify", second, "--confirm")
    assert (verdicts(told), states(sql)) == ({"less": 1}, {"accepted verified": 1, "missing": 1})


def test_amounts_of_several_batches_in_one_hour_are_compared_together(
    batch: str, export: Billing, billing: Billing, sql: Connection
) -> None:
    add_usage(sql, "co_1", "api_calls", "2.5", hour=5)
    later = export().document["batches"][0]["batch_id"]
    assert verdicts(billing("batches", "verify", batch, "--confirm")) == {"found": 3}
    assert states(sql) == {"accepted verified": 3, "accepted": 1}
    assert verdicts(billing("batches", "verify", later, "--confirm")) == {"found": 1}


def test_ambiguous_events_are_looked_at_again(
    export: Billing, billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    """Counted: accepted. Not counted, and 23 hours have passed: sent anew by the next export."""
    add_usage(sql, "co_1", "api_calls", 4)
    add_usage(sql, "co_2", "api_calls", 6)
    batch = export().document["batches"][0]["batch_id"]
    stripe.forget("6")
    sql.execute("update billing_export_items set state = 'ambiguous', error = 'Nobody knows.'")
    age(sql)
    early = billing("batches", "verify", batch, "--confirm")
    assert (early.code, verdicts(early), states(sql)) == (
        5,
        {"found": 1, "later": 1},
        {"accepted verified": 1, "ambiguous": 1},
    )
    age(sql, hours=22)
    late = billing("batches", "verify", batch, "--confirm")
    assert (late.code, verdicts(late), states(sql)) == (3, {"less": 1}, {"accepted verified": 1, "rejected": 1})
    assert export().code == 0
    assert sorted(event["value"] for event in stripe.events()) == ["4", "6"]


@pytest.mark.parametrize("state", ["ambiguous", "sending", "cancelling"])
def test_more_than_was_sent_is_untold_while_anything_there_is_in_doubt(
    state: str, export: Billing, billing: Billing, batch: str, sql: Connection, stripe: StripeDouble
) -> None:
    """What would be given back as too much may be the customer's own usage."""
    stripe.send_as_another("cus_1", "9", START_S + 5 * 3600 + 60)
    age(sql, hours=30)
    sql.execute("update billing_export_items set state = %s where quantity = 7", (state,))
    add_usage(sql, "co_1", "api_calls", 2, hour=5)
    later = export().document["batches"][-1]["batch_id"]
    age(sql)
    answer = billing("batches", "verify", later, "--confirm")
    assert (answer.code, verdicts(answer), answer.document["changes"]) == (3, {"untold": 1}, [])
    (slot,) = answer.document["wrong"]
    figures = [slot[name] for name in ("stripe", "sent", "in_doubt", "least_difference", "most_difference")]
    assert figures == ["18", "2", "7", "9", "16"]


def test_what_is_sent_anew_after_a_rollback_is_verified(
    batch: str, export: Billing, billing: Billing, sql: Connection
) -> None:
    assert billing("batches", "rollback", batch, "--confirm").code == 0
    age(sql)
    sql.execute("update billing_export_items set cancel_asked_at = cancel_asked_at - interval '2 hours'")
    anew = export("--resend-rolled-back", "--verify", "--verify-for", "0")
    assert (anew.code, states(sql)) == (0, {"cancelled": 3, "accepted verified": 3})
    assert verdicts(billing("batches", "verify", batch)) == {}


def test_whole_totals_are_compared_with_the_newest_that_counts(
    billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.bulk([], [{"event_name": "by_day", "event_time_window": "day"}, {"event_name": "seats", "formula": "last"}])
    for quantity in (5, 4):
        add_usage(sql, "co_1", "by_day", quantity, hour=7)
        add_usage(sql, "co_1", "seats", quantity, hour=7, minute=9 + quantity)
        batch = export().document["batches"][-1]["batch_id"]
    assert verdicts(billing("batches", "verify", batch, "--confirm")) == {"found": 1}
    assert states(sql)["accepted verified"] == 1
    stripe.forget("9")
    age(sql)
    answer = billing("batches", "verify", batch, "--confirm", "--again")
    assert (answer.code, verdicts(answer)) == (3, {"less": 1})
    assert [(slot["hours"], slot["stripe"], slot["sent"]) for slot in answer.document["wrong"]] == [(24, "5", "9")]


def test_a_month_is_read_by_days_and_only_a_day_that_differs_by_hours(
    billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    for day in range(10):
        for hour in (0, 5):
            add_usage(sql, "co_1", "api_calls", 100 + day * 10 + hour, hour=hour - 24 * day)
    start = f"{YESTERDAY - timedelta(days=9):%Y-%m-%d}"
    batch = billing("export", "--start", start, "--end", DAY, "--confirm").document["batches"][0]["batch_id"]
    calls = len(stripe.log())
    good = billing("batches", "verify", batch)
    assert verdicts(good) == {"found": 10}
    assert len([call for call in stripe.log()[calls:] if "event_summaries" in call["path"]]) == 1
    stripe.forget("135")
    age(sql)
    answer = billing("batches", "verify", batch, "--confirm")
    assert (answer.code, verdicts(answer)) == (3, {"found": 10, "less": 1})
    assert [(slot["hours"], slot["sent"]) for slot in answer.document["wrong"]] == [(1, "135")]
    assert states(sql) == {"accepted verified": 19, "missing": 1}


def test_usage_records_are_said_not_to_be_verifiable(verify: Billing, sql: Connection) -> None:
    sql.execute("update billing_export_items set backend = 'usage-records', replaces = true where company_id = 'co_2'")
    answer = verify()
    assert (answer.code, answer.document["usage_records"], verdicts(answer)) == (0, 1, {"found": 2})
    assert answer.document["batch"]["verified_at"] is None
    assert states(sql) == {"accepted verified": 2, "accepted": 1}


def test_stripe_that_cannot_be_read_changes_nothing(
    verify: Billing, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)
    age(sql)
    stripe.fault(kind="status", status=503, endpoint="/v1/billing/meters/", probability=1)
    before = everything(sql)
    assert (verify().code, everything(sql)) == (75, before)


def test_a_batch_of_another_account_or_none_is_refused(billing: Billing, batch: str, sql: Connection) -> None:
    assert billing("batches", "verify", "exp_none").code == 2
    sql.execute("update billing_export_batches set livemode = true")
    assert billing("batches", "verify", batch).code == 2


def test_a_verification_is_in_the_audit_log(verify: Billing, sql: Connection) -> None:
    verify()
    row = sql.execute("select actor, details from billing_audit_log where action = 'export.verified'").fetchone()
    assert row == ("tester", {"found": 3, "changed": None})


def test_an_export_waits_for_totals_and_tells_the_rest(
    export: Billing, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    looks: list[float] = []

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            looks.append(timeout or 0)
            if len(looks) == 2:
                stripe.set_lag(0)
            return False

    monkeypatch.setattr("billing_cli.usecases.verifying.Event", Waiting)
    stripe.set_lag(3600)
    answer = export("--verify", "--verify-for", "0.2")
    assert (answer.code, len(looks), states(sql)) == (0, 2, {"accepted verified": 1})
    assert looks[1] == 2 * looks[0]
    assert answer.document["verified"][0]["batch"]["verified_at"]


def test_an_export_that_stops_waiting_goes_on_when_it_is_given_again(
    export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    stripe.set_lag(3600)
    early = export("--verify", "--verify-for", "0")
    assert (early.code, early.document["verified"][0]["totals"]["later"]) == (5, 1)
    stripe.set_lag(0)
    again = export("--verify", "--verify-for", "0")
    assert (again.code, again.document["batches"], again.document["verified"][0]["found"]) == (0, [], 1)
    assert (export("--verify", "--verify-for", "0").document["verified"], states(sql)) == ([], {"accepted verified": 1})


def test_an_export_ends_its_waiting_where_something_is_wrong(
    export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    # Without any batch, the export would not begin: see test_surplus.py.
    add_usage(sql, "co_2", "api_calls", 5)
    assert export().code == 0
    add_usage(sql, "co_1", "api_calls", 5)
    stripe.send_as_another("cus_1", "1", START_S)
    assert export("--verify", "--verify-for", "0.1").code == 3
    assert states(sql).total() == 2
