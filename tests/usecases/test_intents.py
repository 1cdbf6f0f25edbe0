"""One open intent a subject, whoever comes when; and finishing what was left open."""

from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.adapters.stripe.money_mover import StripeMoneyMover
from billing_cli.domain.errors import BillingError, LeaseLost, PlanChanged, Refused
from billing_cli.domain.ports import Database

from .conftest import Answer, Billing

HERE = {"p_account": "acct_1", "p_livemode": False, "p_command": "refund"}


def wish(intent_id: str, subject: str = "pi_1", amount: int = 100, **more: Any) -> dict[str, Any]:
    return {
        "intent_id": intent_id, "kind": "refund", "company_id": "co_1", "subject": subject, "amount_minor": amount,
        "currency": "usd", "in_favour_of_company": True, "request": {"amount": amount}, "reason": "duplicate",
        "note": None, "source_key": None, **more,
    }  # fmt: skip


def open_intents(database: Database, *wishes: dict[str, Any], limits: list[dict[str, Any]] | None = None) -> Any:
    keys = {"p_digest": "d", "p_actor": "ana", "p_intents": list(wishes), "p_limits": limits or []}
    return database.call("billing_intents_open_v2", **HERE, **keys)


def claim(database: Database, intent_id: str, runner: str, dead: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = database.call(
        "billing_intent_claim_v2", p_intent_id=intent_id, p_runner=runner, p_actor="ana", p_dead_runner=dead
    )
    return answer


def settle(database: Database, intent_id: str, runner: str, outcome: str, object_id: str | None = None) -> Any:
    keys = {"p_intent_id": intent_id, "p_runner": runner, "p_actor": "ana", "p_outcome": outcome}
    return database.call("billing_intent_settle_v1", **keys, p_object_id=object_id)


def test_a_subject_has_one_open_intent(database: Database) -> None:
    open_intents(database, wish("int_1"))
    with pytest.raises(PlanChanged, match="int_1 of pi_1"):
        open_intents(database, wish("int_2"))
    claim(database, "int_1", "me")
    with pytest.raises(PlanChanged):
        open_intents(database, wish("int_2"))
    settle(database, "int_1", "me", "done", "re_1")
    open_intents(database, wish("int_2"))


def test_all_are_opened_or_none(database: Database, sql: Connection) -> None:
    open_intents(database, wish("int_1"))
    with pytest.raises(PlanChanged):
        open_intents(database, wish("int_2", "pi_2"), wish("int_3", "pi_1"))
    assert sql.execute("select intent_id from billing_intents").fetchall() == [("int_1",)]


def test_one_subject_twice_in_a_plan_is_refused(database: Database, sql: Connection) -> None:
    with pytest.raises(BillingError):
        open_intents(database, wish("int_1"), wish("int_2"))
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


def test_opening_again_after_a_lost_reply_opens_nothing_more(database: Database, sql: Connection) -> None:
    assert open_intents(database, wish("int_1")) == open_intents(database, wish("int_1"))
    assert sql.execute("select count(*) from billing_intents").fetchone() == (1,)
    assert sql.execute("select count(*) from billing_audit_log").fetchone() == (1,)


def test_a_line_of_a_file_is_done_once_and_may_be_tried_again_when_refused(database: Database) -> None:
    open_intents(database, wish("int_1", source_key="line"))
    claim(database, "int_1", "me")
    settle(database, "int_1", "me", "refused")
    open_intents(database, wish("int_2", source_key="line"))
    claim(database, "int_2", "me")
    settle(database, "int_2", "me", "done", "re_1")
    with pytest.raises(PlanChanged):
        open_intents(database, wish("int_3", source_key="line"))


def test_who_claimed_first_keeps_it_while_alive(database: Database) -> None:
    open_intents(database, wish("int_1"))
    assert claim(database, "int_1", "first")["claimed"]
    second = claim(database, "int_1", "second")
    assert (second["claimed"], second["claimed_by"]) == (False, "first")
    with pytest.raises(LeaseLost):
        settle(database, "int_1", "second", "done", "re_1")
    # Its process is known to be dead: taken over, and it may have been sent.
    third = claim(database, "int_1", "third", dead="first")
    assert (third["claimed"], third["maybe_sent"]) == (True, True)
    with pytest.raises(LeaseLost):
        settle(database, "int_1", "first", "done", "re_1")


def test_a_silent_claim_runs_out(local: Database, sql: Connection) -> None:
    open_intents(local, wish("int_1"))
    claim(local, "int_1", "first")
    sql.execute("update billing_intents set claimed_until = now() - interval '1 second'")
    assert claim(local, "int_1", "second")["claimed"]


@pytest.mark.parametrize("outcome", ["done", "refused", "lapsed", "unknown"])
def test_settling_again_after_a_lost_reply_changes_nothing(outcome: str, database: Database, sql: Connection) -> None:
    open_intents(database, wish("int_1"))
    claim(database, "int_1", "me")
    object_id = "re_1" if outcome == "done" else None
    settle(database, "int_1", "me", outcome, object_id)
    count = sql.execute("select count(*) from billing_audit_log").fetchone()
    settle(database, "int_1", "me", outcome, object_id)
    assert sql.execute("select count(*) from billing_audit_log").fetchone() == count
    adjustments = sql.execute("select count(*) from billing_adjustments").fetchone()
    assert adjustments == (int(outcome == "done"),)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"per_command_minor": 99}, "1.00 USD is above the ceiling of 0.99 USD for one command"),
        ({"per_day_minor": 199}, "1.00 USD after 1.00 USD today is above the ceiling of 1.99 USD for one UTC day"),
        ({"approve_above_minor": 99}, "second person"),
    ],
)
def test_the_database_keeps_the_limits_too(limit: dict[str, int], said: str, database: Database) -> None:
    open_intents(database, wish("int_0", "pi_0"))
    every = {"currency": "usd", "approve_above_minor": None, "per_command_minor": None, "per_day_minor": None}
    with pytest.raises(Refused, match=said):
        open_intents(database, wish("int_1"), limits=[{**every, **limit}])
    exactly = {name: value + 1 for name, value in limit.items()}
    open_intents(database, wish("int_1"), limits=[{**every, **exactly}])


@pytest.fixture
def held(billing: Billing, stripe: StripeDouble, sql: Connection) -> str:
    """A refund of 10.00 that another run has begun; returns its intent."""
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    stripe.fault(kind="status", status=503, endpoint="/v1/refunds", method="POST", count=5, stored=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("billing_cli.adapters.stripe.money_mover._FIRST_WAIT_S", 0.001)
        answer = refund(billing, "10")
    assert answer.code == 5
    (intent,) = answer.document["intents"]
    assert intent["next_command"] == f"LIVE=true billing intents resume {intent['intent_id']} --confirm"
    intent_id: str = intent["intent_id"]
    return intent_id


def refund(billing: Billing, amount: str) -> Answer:
    return billing("refund", "co_1", "pi_1", "--amount", amount, "--reason", "duplicate", "--confirm")


def test_the_same_command_finishes_what_is_open(held: str, billing: Billing, stripe: StripeDouble) -> None:
    answer = refund(billing, "10")
    assert (answer.code, [each["intent_id"] for each in answer.document["intents"]]) == (0, [held])
    assert [made["amount"] for made in stripe.refunds()] == [1000]


def test_another_wish_settles_what_is_open_and_waits_for_the_next_run(
    held: str, billing: Billing, stripe: StripeDouble
) -> None:
    answer = refund(billing, "20")
    assert (answer.code, answer.document["unserved"]) == (5, ["pi_1"])
    assert [made["amount"] for made in stripe.refunds()] == [1000]
    assert refund(billing, "20").code == 0
    assert [made["amount"] for made in stripe.refunds()] == [1000, 2000]


def test_resume_finishes_one_intent(held: str, billing: Billing, stripe: StripeDouble) -> None:
    plan = billing("intents", "resume", held)
    assert [each["intent_id"] for each in plan.document["settles"]] == [held]
    assert stripe.refunds() == []
    assert billing("intents", "resume", held, "--confirm").code == 0
    assert len(stripe.refunds()) == 1
    assert billing("intents", "resume", held, "--confirm").document["intents"] == []


def test_what_is_held_by_a_living_run_is_left_alone(
    held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    holder = "another-host/4026531836/1/1"
    sql.execute("update billing_intents set claimed_by = %s, claimed_until = now() + interval '5 min'", (holder,))
    answer = refund(billing, "10")
    assert (answer.code, stripe.refunds()) == (75, [])
    assert "Another run" in answer.stderr


def resume(billing: Billing, intent_id: str) -> tuple[int, str, str]:
    """The exit code, the state that the intent is in then, and its error."""
    answer = billing("intents", "resume", intent_id, "--confirm")
    (intent,) = answer.document["intents"]
    return answer.code, intent["state"], intent["error"] or ""


def sent(sql: Connection, first: str, last: str) -> None:
    """The first and the last try are so long ago."""
    sql.execute(
        "update billing_intents set first_sent_at = now() - %s::interval, last_sent_at = now() - %s::interval",
        (first, last),
    )


def test_what_changed_after_a_doubtful_try_is_named_and_not_sent(
    held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    stripe.client().v1.refunds.create({"payment_intent": "pi_1", "amount": 250})
    error = (
        "Stripe's lists have nothing of it, and it was not sent again: pi_1 changed after the plan was made: "
        "refunded so far was 0.00 USD and is 2.50 USD."
    )
    assert resume(billing, held) == (5, "sending", error)
    assert [made["amount"] for made in stripe.refunds()] == [250]
    sent(sql, "24 hours", "24 hours")
    assert resume(billing, held)[:2] == (3, "lapsed")
    assert [made["amount"] for made in stripe.refunds()] == [250]


@pytest.mark.parametrize("age", ["1 minute", "25 hours"])
def test_an_object_with_our_name_and_another_amount_is_shown_and_proves_nothing(
    age: str, held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    other = {"payment_intent": "pi_1", "amount": 250, "metadata": {"billing_intent": held}}
    made = stripe.client().v1.refunds.create(other)  # type: ignore[arg-type]
    sent(sql, age, age)
    code, state, error = resume(billing, held)
    assert (code, state) == (5, "sending")
    assert f"{made.id} in Stripe carries the name of this intent, but amount is not 1000" in error
    assert [refund["amount"] for refund in stripe.refunds()] == [250]
    assert sql.execute("select count(*) from billing_adjustments").fetchone() == (0,)


def test_of_two_objects_with_our_name_the_one_that_agrees_counts(
    held: str, billing: Billing, stripe: StripeDouble
) -> None:
    for amount in (1000, 250):
        other = {"payment_intent": "pi_1", "amount": amount, "metadata": {"billing_intent": held}}
        stripe.client().v1.refunds.create(other)  # type: ignore[arg-type]
    assert resume(billing, held)[:2] == (0, "done")


def test_what_changed_between_two_tries_of_one_run_is_not_sent_again(
    billing: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    stripe.fault(kind="status", status=503, endpoint="/v1/refunds", method="POST", count=1, stored=False)
    find = StripeMoneyMover.find

    def beside_the_dashboard(self: StripeMoneyMover, intent: Any) -> Any:
        if not stripe.refunds():
            stripe.client().v1.refunds.create({"payment_intent": "pi_1", "amount": 250})
        return find(self, intent)

    monkeypatch.setattr(StripeMoneyMover, "find", beside_the_dashboard)
    answer = refund(billing, "10")
    assert (answer.code, [made["amount"] for made in stripe.refunds()]) == (5, [250])
    assert "changed after the plan was made" in answer.document["intents"][0]["error"]


def test_a_server_error_that_stripe_keeps_proves_nothing_right_after_its_try(
    held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    """The first try is hours ago, and the one that Stripe failed at is of this run."""
    sent(sql, "3 hours", "3 hours")
    stripe.heal()
    stripe.fault(kind="status", status=500, endpoint="/v1/refunds", method="POST", count=1)
    assert resume(billing, held)[:2] == (5, "sending")
    assert resume(billing, held)[:2] == (5, "sending")
    sent(sql, "3 hours", "2 minutes")
    assert resume(billing, held)[:2] == (3, "lapsed")
    assert stripe.refunds() == []


def test_asking_for_a_kept_server_error_again_is_no_try(
    held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    stripe.heal()
    stripe.fault(kind="status", status=500, endpoint="/v1/refunds", method="POST", count=1)
    assert resume(billing, held)[:2] == (5, "sending")
    sent(sql, "59 seconds", "59 seconds")
    assert resume(billing, held)[:2] == (5, "sending")
    sql.execute("update billing_intents set last_sent_at = last_sent_at - interval '2 minutes'")
    assert resume(billing, held)[:2] == (3, "lapsed")


@pytest.mark.parametrize("last", ["15 seconds", "9 minutes"])
def test_past_the_keys_window_a_try_of_a_moment_ago_may_still_land(
    last: str, held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    sent(sql, "23 hours 15 minutes", last)
    for _ in range(2):
        code, state, error = resume(billing, held)
        assert (code, state) == (5, "sending")
        assert "Run this again in" in error
    sql.execute("update billing_intents set last_sent_at = last_sent_at - interval '10 minutes'")
    assert resume(billing, held)[:2] == (3, "lapsed")
    assert stripe.refunds() == []


def test_each_claim_and_each_unknown_outcome_is_the_last_try(database: Database, sql: Connection) -> None:
    open_intents(database, wish("int_1"))
    claim(database, "int_1", "me")
    sent(sql, "2 hours", "2 hours")
    settle(database, "int_1", "me", "unknown")
    again = claim(database, "int_1", "me")
    assert again["last_try_age_s"] < 3600
    assert sql.execute("select now() - last_sent_at < interval '1 hour' from billing_intents").fetchone() == (True,)


def test_a_claim_whose_runner_fell_silent_may_have_sent_until_its_end(local: Database, sql: Connection) -> None:
    open_intents(local, wish("int_1"))
    claim(local, "int_1", "first")
    sent(sql, "25 hours", "25 hours")
    sql.execute("update billing_intents set claimed_until = now() - interval '1 minute'")
    again = claim(local, "int_1", "second")
    assert (again["key_usable"], 60 <= again["last_try_age_s"] < 600) == (False, True)


def test_a_run_that_may_not_send_any_more_is_no_try(database: Database, sql: Connection) -> None:
    open_intents(database, wish("int_1"))
    claim(database, "int_1", "me")
    settle(database, "int_1", "me", "unknown")
    sent(sql, "24 hours", "5 minutes")
    claim(database, "int_1", "me")
    settle(database, "int_1", "me", "unknown")
    assert claim(database, "int_1", "me")["last_try_age_s"] >= 300


def test_past_the_keys_window_it_is_proved_and_not_sent(
    held: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    sent(sql, "24 hours", "1 hour")
    answer = refund(billing, "10")
    assert (answer.code, answer.document["intents"][0]["state"], stripe.refunds()) == (3, "lapsed", [])
    assert refund(billing, "10").code == 0
    assert len(stripe.refunds()) == 1


def test_intents_can_be_looked_up(held: str, billing: Billing) -> None:
    assert [i["intent_id"] for i in billing("intents", "list", "--state", "sending").document["intents"]] == [held]
    assert billing("intents", "list", "--state", "done").document["intents"] == []
    assert billing("intents", "list", "--company", "co_2").document["intents"] == []
    assert billing("intents", "show", held).document["intent"]["attempts"] == 1
    assert billing("intents", "show", "int_none").code == 2
