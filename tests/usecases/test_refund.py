"""Refunds: what is given back, what is refused, and what is written down."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.environment import rest_environment, wire_environment
from support.everything import everything
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies

from billing_cli.adapters.stripe.money_reader import StripeMoneyReader
from billing_cli.cli.app import run

from .conftest import Answer, Billing

REASON = ["--reason", "requested_by_customer"]


@pytest.fixture
def refund(billing: Billing, stripe: StripeDouble, sql: Connection) -> Billing:
    """Refunds for real; pi_1 is co_1's, captured 100.00 USD."""
    stripe.payments(
        [
            {"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"},
            {"id": "pi_2", "customer": "cus_2", "amount": 10_000, "currency": "usd"},
            {"id": "pi_jpy", "customer": "cus_1", "amount": 1000, "currency": "jpy"},
            {"id": "pi_bhd", "customer": "cus_1", "amount": 10_000, "currency": "bhd"},
            {"id": "pi_part", "customer": "cus_1", "amount": 10_000, "captured": 4000, "currency": "usd"},
            {"id": "pi_held", "customer": "cus_1", "amount": 10_000, "captured": 0, "currency": "usd"},
            {"id": "pi_new", "customer": "cus_1", "amount": 1, "currency": "usd", "status": "requires_payment_method"},
            {"id": "pi_guest", "customer": None, "amount": 10_000, "currency": "usd"},
        ]
    )
    sql.execute("insert into billing_payments (payment_intent_id, company_id) values ('pi_1', 'co_1')")
    return lambda *words: billing("refund", *words, "--confirm")


def amounts(stripe: StripeDouble) -> list[int]:
    return [refund["amount"] for refund in stripe.refunds()]


@pytest.mark.parametrize(
    ("words", "minor"),
    [
        (["co_1", "pi_1"], 10_000),
        (["co_1", "pi_1", "--amount", "12.50"], 1250),
        (["co_1", "pi_1", "--amount-minor", "1250"], 1250),
        (["co_1", "pi_jpy", "--amount", "700"], 700),
        (["co_1", "pi_bhd", "--amount", "1.25"], 1250),
        (["co_1", "pi_part"], 4000),
    ],
)
def test_all_or_a_part_goes_back_once(words: list[str], minor: int, refund: Billing, stripe: StripeDouble) -> None:
    assert refund(*words, *REASON).code == 0
    assert amounts(stripe) == [minor]


def test_what_was_done_is_written_down(refund: Billing, sql: Connection, stripe: StripeDouble) -> None:
    answer = refund("co_1", "pi_1", "--amount", "12.50", "--note", "late delivery", *REASON)
    (intent,) = answer.document["intents"]
    made = stripe.refunds()[0]
    assert made["metadata"] == {"billing_intent": intent["intent_id"], "company_id": "co_1"}
    assert made["reason"] == "requested_by_customer"
    adjustments = sql.execute("select company_id, kind::text, amount_minor, currency, reason, note, stripe_object_id, "
                              "intent_id from billing_adjustments").fetchall()  # fmt: skip
    assert adjustments == [
        ("co_1", "refund", -1250, "usd", "requested_by_customer", "late delivery", made["id"], intent["intent_id"])
    ]
    assert sql.execute("select refunded_minor from billing_payments").fetchall() == [(1250,)]
    actions = [action for (action,) in sql.execute("select action from billing_audit_log order by audit_id").fetchall()]
    assert actions == ["refund.opened", "refund.claimed", "refund.done"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["co_2", "pi_1"], "not a payment of co_2"),
        (["co_1", "pi_2"], "not a payment of co_1"),
        (["co_1", "pi_guest"], "Nobody knows whose"),
        (["co_1", "pi_none"], "No such payment_intent"),
        (["co_nobody", "pi_1"], "no company co_nobody"),
        (["co_1", "pi_1", "--amount", "100.01"], "more than remains"),
        (["co_1", "pi_part", "--amount", "40.01"], "more than remains"),
        (["co_1", "pi_jpy", "--amount", "7.50"], "more decimals than JPY"),
        (["co_1", "pi_bhd", "--amount", "1.251"], "two decimals"),
        (["co_1", "pi_1", "--amount", "1", "--amount-minor", "1"], "not both"),
        (["co_1", "pi_held"], "not captured"),
        (["co_1", "pi_new"], "never charged"),
        (["co_1", "pi_1", "--via", "credit-note"], "paid no invoice"),
        (["co_1"], "a company and a payment"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    words: list[str], said: str, refund: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    before = everything(sql)
    answer = refund(*words, *REASON)
    assert (answer.code, amounts(stripe)) == (2, [])
    assert said in answer.stderr
    assert everything(sql) == before


def test_records_that_disagree_on_the_owner_are_refused(refund: Billing, sql: Connection) -> None:
    sql.execute("update billing_payments set company_id = 'co_2'")
    assert "disagree" in refund("co_1", "pi_1", *REASON).stderr


def test_a_guests_payment_belongs_to_whom_we_say(refund: Billing, sql: Connection, stripe: StripeDouble) -> None:
    sql.execute("insert into billing_payments (payment_intent_id, company_id) values ('pi_guest', 'co_3')")
    assert refund("co_3", "pi_guest", *REASON).code == 0
    assert amounts(stripe) == [10_000]


@pytest.mark.parametrize(
    "status",
    ["needs_response", "under_review", "lost", "appeal_needs_response", "appeal_under_review", "prevented"],
)
def test_a_disputed_payment_is_not_refunded(status: str, refund: Billing, stripe: StripeDouble) -> None:
    stripe.dispute("pi_1", status)
    answer = refund("co_1", "pi_1", *REASON)
    assert (answer.code, amounts(stripe)) == (2, [])
    assert f"disputed over 100.00 USD ({status})" in answer.stderr


def test_an_inquiry_that_takes_no_refund_any_more_is_an_obstacle(refund: Billing, stripe: StripeDouble) -> None:
    stripe.dispute("pi_1", "warning_needs_response", refundable=False)
    answer = refund("co_1", "pi_1", *REASON)
    assert (answer.code, amounts(stripe)) == (2, [])
    assert "(warning_needs_response): Stripe takes no refund of it any more" in answer.stderr


def test_a_prevented_dispute_that_still_takes_a_refund_is_no_obstacle(refund: Billing, stripe: StripeDouble) -> None:
    stripe.dispute("pi_1", "prevented", refundable=True)
    assert refund("co_1", "pi_1", *REASON).code == 0


@pytest.mark.parametrize("status", ["won", "warning_needs_response", "warning_closed"])
def test_a_won_dispute_or_an_inquiry_is_no_obstacle(status: str, refund: Billing, stripe: StripeDouble) -> None:
    stripe.dispute("pi_1", status)
    assert refund("co_1", "pi_1", *REASON).code == 0


def test_the_same_again_needs_the_digest_of_its_plan(refund: Billing, billing: Billing, stripe: StripeDouble) -> None:
    words = ["co_1", "pi_1", "--amount", "10", *REASON]
    assert refund(*words).code == 0
    again = refund(*words)
    assert (again.code, amounts(stripe)) == (4, [1000])
    digest = billing("refund", *words).document["digest"]
    assert f"--expect {digest[:16]}" in again.stderr
    assert refund(*words, "--expect", digest[:16]).code == 0
    assert amounts(stripe) == [1000, 1000]
    # The digest of the plan before does not do it once more.
    assert refund(*words, "--expect", digest[:16]).code == 4
    assert amounts(stripe) == [1000, 1000]


def test_another_amount_needs_no_digest_and_all_stops_at_the_remainder(refund: Billing, stripe: StripeDouble) -> None:
    for amount in ("60", "40"):
        assert refund("co_1", "pi_1", "--amount", amount, *REASON).code == 0
    answer = refund("co_1", "pi_1", *REASON)
    assert (answer.code, amounts(stripe)) == (2, [6000, 4000])
    assert "refunded already" in answer.stderr


def test_a_refund_made_elsewhere_after_the_plan_is_noticed(
    refund: Billing, billing: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing_cli.adapters.database.postgres import PostgresDatabase

    call = PostgresDatabase.call

    def late(self: PostgresDatabase, function: str, **args: object) -> object:
        if function == "billing_intent_claim_v2":
            stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 500, "currency": "usd"}])
        return call(self, function, **args)

    monkeypatch.setattr(PostgresDatabase, "call", late)
    answer = refund("co_1", "pi_1", "--amount", "10", *REASON)
    assert (answer.code, amounts(stripe)) == (3, [])
    assert answer.document["intents"][0]["state"] == "refused"
    error = "pi_1 changed after the plan was made: captured was 100.00 USD and is 5.00 USD."
    assert answer.document["intents"][0]["error"] == error


def test_a_plan_that_the_dashboard_overtook_is_refused_with_what_changed(
    refund: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch, sql: Connection
) -> None:
    standing = StripeMoneyReader.standing

    def late(self: StripeMoneyReader, *about: Any) -> Any:
        if not stripe.refunds():
            stripe.client().v1.refunds.create({"payment_intent": "pi_1", "amount": 250})
        return standing(self, *about)

    monkeypatch.setattr(StripeMoneyReader, "standing", late)
    answer = refund("co_1", "pi_1", "--amount", "10", *REASON)
    assert (answer.code, amounts(stripe)) == (4, [250])
    assert "Plan changed: Stripe has changed since this plan was made." in answer.stderr
    assert "pi_1: refunded so far was 0.00 USD and is 2.50 USD" in answer.stderr
    assert "Run it without --confirm to see the new plan." in answer.stderr
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


def test_a_plan_that_another_operator_overtook_is_refused_with_the_intent(
    refund: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = StripeMoneyReader.standing

    def late(self: StripeMoneyReader, *about: Any) -> Any:
        found = standing(self, *about)
        monkeypatch.setattr(StripeMoneyReader, "standing", standing)
        assert refund("co_1", "pi_1", "--amount", "2.50", *REASON).code == 0
        return found

    monkeypatch.setattr(StripeMoneyReader, "standing", late)
    answer = refund("co_1", "pi_1", "--amount", "10", *REASON)
    assert (answer.code, amounts(stripe)) == (4, [250])
    assert re.search(r"Plan changed: on pi_1, a refund of 2\.50 USD \(int_\w+, by tester\) was done", answer.stderr)


@pytest.mark.parametrize(
    ("method", "days", "warned"),
    [("klarna", 100, True), ("us_bank_account", 91, True), ("sepa_debit", 80, False), ("card", 400, False)],
)
def test_the_plan_shows_when_and_how_it_was_paid_and_notes_what_stripe_may_not_give_back(
    method: str, days: int, warned: bool, refund: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    paid_at = datetime.now(UTC) - timedelta(days=days)
    shape = {"customer": "cus_1", "amount": 1000, "currency": "usd", "created": int(paid_at.timestamp())}
    stripe.payments([{"id": "pi_old", **shape, "metadata": {"sandbox_method": method}}])
    plan = billing("refund", "co_1", "pi_old", *REASON).document
    facts = plan["actions"][0]["facts"]
    assert (facts["paid on"], facts["paid by"]) == (
        f"{paid_at:%Y-%m-%d}",
        "card, visa" if method == "card" else method,
    )
    assert any("Stripe may no longer give it back by that way" in each for each in plan["warnings"]) == warned


VERSIONED = {
    "refund": ["refund", "co_1", "pi_1", *REASON],
    "refund --status": ["refund", "co_1", "pi_1", "--status"],
    "adjust": ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "Outage"],
    "mark-paid": ["invoices", "mark-paid", "co_1", "in_1", "--reason", "wire"],
    "resume": ["intents", "resume", "--all"],
}


@pytest.mark.parametrize("version", ["2025-02-24.acacia", "2024-06-20", "latest"])
@pytest.mark.parametrize("command", VERSIONED)
def test_a_pinned_version_that_is_too_old_is_refused_before_anything_is_asked(
    command: str,
    version: str,
    refund: Billing,
    billing: Billing,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_API_VERSION", version)
    asked = len(stripe.log())
    answer = billing(*VERSIONED[command], "--confirm")
    assert (answer.code, len(stripe.log())) == (78, asked)
    assert "STRIPE_API_VERSION" in answer.stderr


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2026-10-28.endive", "2027-01-01.future"])
def test_a_pinned_version_that_has_what_is_needed_is_taken(
    version: str, refund: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_VERSION", version)
    assert refund("co_1", "pi_1", *REASON).code == 0


def test_fraudulent_says_what_else_it_does(billing: Billing, refund: Billing) -> None:
    plan = billing("refund", "co_1", "pi_1", "--reason", "fraudulent")
    assert any("block lists" in warning for warning in plan.document["warnings"])


def test_the_plan_shows_what_it_was_decided_on(billing: Billing, refund: Billing) -> None:
    refund("co_1", "pi_1", "--amount", "20", *REASON)
    facts = billing("refund", "co_1", "pi_1", "--amount", "30", *REASON).document["actions"][0]["facts"]
    usd = {name: value["amount_minor"] for name, value in facts.items() if isinstance(value, dict)}
    assert usd == {
        "captured": 10_000,
        "refunded so far": 2000,
        "disputed": 0,
        "refund now": 3000,
        "remaining after": 5000,
        "fee not returned": 320,
    }


@pytest.fixture
def paid_invoice(refund: Billing, stripe: StripeDouble) -> None:
    """pi_1 paid in_1: 84.03 and 19 % tax."""
    line = [{"amount": 8403, "description": "usage"}]
    wish = {"id": "in_1", "customer": "cus_1", "status": "paid", "currency": "usd", "tax_percent": 19}
    stripe.invoices([{**wish, "lines": line, "payment_intent": "pi_1"}])


@pytest.mark.usefixtures("paid_invoice")
@pytest.mark.parametrize("where", [["--invoice", "in_1"], ["--as", "balance"]], ids=["invoice", "customer"])
def test_what_was_done_on_the_invoice_or_the_customer_while_the_facts_were_read_is_noticed(
    where: list[str],
    refund: Billing,
    billing: Billing,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = StripeMoneyReader.payment

    def beside_a_colleague(self: StripeMoneyReader, payment_id: str) -> Any:
        found = payment(self, payment_id)
        monkeypatch.setattr(StripeMoneyReader, "payment", payment)
        words = ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "outage", *where]
        assert billing(*words, "--confirm").code == 0
        return found

    monkeypatch.setattr(StripeMoneyReader, "payment", beside_a_colleague)
    answer = refund("co_1", "pi_1", "--amount", "10", *REASON)
    assert (answer.code, amounts(stripe)) == (4, [])
    assert "Plan changed: on " in answer.stderr


@pytest.mark.usefixtures("paid_invoice")
def test_a_credit_note_keeps_the_tax_right(billing: Billing, refund: Billing, stripe: StripeDouble) -> None:
    plain = billing("refund", "co_1", "pi_1", "--amount", "11.90", *REASON)
    assert any("--via credit-note" in warning for warning in plain.document["warnings"])
    answer = billing("refund", "co_1", "pi_1", "--amount", "11.90", "--via", "credit-note", *REASON)
    assert answer.document["actions"][0]["facts"]["tax in it"]["amount_minor"] == 190
    done = refund("co_1", "pi_1", "--amount", "11.90", "--via", "credit-note", *REASON)
    assert (done.code, amounts(stripe)) == (0, [1190])
    assert done.document["intents"][0]["stripe_object_id"].startswith("cn_")


def test_a_credit_note_that_cannot_name_its_payment_is_refused(refund: Billing, stripe: StripeDouble) -> None:
    wish = {"customer": "cus_1", "status": "paid", "currency": "usd", "lines": [{"amount": 8000, "description": "u"}]}
    two = [{"payment_intent": "pi_1", "amount": 5000}, {"payment_intent": "pi_part", "amount": 3000}]
    stripe.invoices([{**wish, "id": "in_two", "payments": two}])
    answer = refund("co_1", "pi_1", "--amount", "10", "--via", "credit-note", *REASON)
    assert (answer.code, amounts(stripe)) == (2, [])
    assert "its invoice in_two was paid by 2 payments: pi_1, pi_part" in answer.stderr
    assert refund("co_1", "pi_1", "--amount", "10", *REASON).code == 0


def test_a_payment_of_several_invoices_is_not_refunded_by_a_credit_note(refund: Billing, stripe: StripeDouble) -> None:
    wish = {"customer": "cus_1", "status": "paid", "currency": "usd", "lines": [{"amount": 5000, "description": "u"}]}
    stripe.invoices([{**wish, "id": name, "payment_intent": "pi_1"} for name in ("in_1", "in_2")])
    answer = refund("co_1", "pi_1", "--amount", "10", "--via", "credit-note", *REASON)
    assert (answer.code, amounts(stripe)) == (2, [])
    assert "it paid 2 invoices: in_1, in_2" in answer.stderr


def test_our_rows_may_be_a_view(refund: Billing, sql: Connection, stripe: StripeDouble) -> None:
    sql.execute("alter table billing_payments rename to app_payments")
    sql.execute("create view billing_payments as select distinct * from app_payments")
    answer = refund("co_1", "pi_1", *REASON)
    assert (answer.code, amounts(stripe)) == (0, [10_000])
    assert "cannot be updated" in answer.document["intents"][0]["here"]


def test_a_row_that_a_trigger_guards_does_not_lose_the_result(
    refund: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    sql.execute("create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$")
    sql.execute("create trigger no before update on billing_payments for each row execute function no()")
    assert refund("co_1", "pi_1", *REASON).code == 0
    assert sql.execute("select state::text from billing_intents").fetchall() == [("done",)]
    assert len(stripe.refunds()) == 1


COMMANDS = {
    "refund": ["refund", "co_1", "pi_1", "--reason", "duplicate"],
    "credit note": ["refund", "co_1", "pi_1", "--reason", "duplicate", "--via", "credit-note"],
    "adjust": ["adjust", "co_1", "credit", "--amount", "1", "--currency", "usd", "--reason", "r"],
    "mark paid": ["invoices", "mark-paid", "co_1", "in_2", "--reason", "wire"],
}


@pytest.mark.parametrize("transport", ["wire", "rest"])
@pytest.mark.parametrize("name", COMMANDS)
def test_only_both_gates_together_let_anything_be_written(
    name: str,
    transport: str,
    db_url: str,
    rest: PostgrestDouble,
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stripe.bulk(add_companies(sql, 1), [])
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 1000, "currency": "usd"}])
    wish = {"customer": "cus_1", "currency": "usd", "lines": [{"amount": 1000, "description": "u"}]}
    stripe.invoices(
        [{"id": "in_1", "status": "paid", "payment_intent": "pi_1", **wish}, {"id": "in_2", "status": "open", **wish}]
    )
    over_rest = rest_environment(rest.url, rest.service_key, stripe.url, live=False)
    environment = over_rest if transport == "rest" else wire_environment(db_url, stripe.url, live=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    before = everything(sql)
    for confirm, live, code in ((False, False, 0), (False, True, 0), (True, False, 4), (True, True, 0)):
        monkeypatch.setenv("LIVE", str(live).lower())
        assert run([*COMMANDS[name], *(["--confirm"] if confirm else [])]) == code
        written = [line["path"] for line in stripe.log() if line["method"] != "GET"]
        assert (written == [] and everything(sql) == before) == (not (confirm and live))


@pytest.fixture
def pending(refund: Billing, stripe: StripeDouble) -> Answer:
    metadata = {"sandbox_refund": "pending"}
    stripe.payments([{"id": "pi_p", "customer": "cus_1", "amount": 1000, "currency": "usd", "metadata": metadata}])
    return refund("co_1", "pi_p", *REASON)


def test_a_pending_refund_is_followed(pending: Answer, billing: Billing, stripe: StripeDouble) -> None:
    (intent,) = pending.document["intents"]
    assert (pending.code, intent["stripe_status"]) == (0, "pending")
    assert intent["next_command"] == "billing refund co_1 pi_p --status"
    stripe.refund_status(stripe.refunds()[0]["id"], "succeeded")
    (row,) = billing("refund", "co_1", "pi_p", "--status").document["refunds"]
    assert (row["status"], row["status_here"]) == ("succeeded", "pending")
    (row,) = billing("refund", "co_1", "pi_p", "--status", "--confirm").document["refunds"]
    assert (row["status"], row["status_here"]) == ("succeeded", "succeeded")


WAITS = [
    ({"sandbox_refund": "pending", "sandbox_pending_reason": "insufficient_funds"}, "top up the Stripe balance"),
    ({"sandbox_refund": "requires_action"}, "whom Stripe asked by e-mail"),
]


@pytest.mark.parametrize(("metadata", "said"), WAITS)
@pytest.mark.parametrize("via", ["refund", "credit-note"])
def test_a_refund_that_somebody_has_to_act_for_exits_3_and_names_what_to_do(
    metadata: dict[str, str], said: str, via: str, refund: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    stripe.payments([{"id": "pi_w", "customer": "cus_1", "amount": 1000, "currency": "usd", "metadata": metadata}])
    paid = {"id": "in_w", "customer": "cus_1", "status": "paid", "currency": "usd", "payment_intent": "pi_w"}
    stripe.invoices([{**paid, "lines": [{"amount": 1000, "description": "usage"}]}])
    answer = refund("co_1", "pi_w", "--via", via, *REASON)
    (intent,) = answer.document["intents"]
    assert (answer.code, intent["state"]) == (3, "done")
    assert said in intent["error"]
    assert intent["next_command"] == "billing refund co_1 pi_w --status"
    status = billing("refund", "co_1", "pi_w", "--status")
    assert (status.code, status.document["refunds"][0]["status"]) == (3, metadata["sandbox_refund"])
    assert status.document["refunds"][0]["pending_reason"] == metadata.get("sandbox_pending_reason")
    stripe.refund_status(stripe.refunds()[0]["id"], "succeeded")
    assert billing("refund", "co_1", "pi_w", "--status", "--confirm").code == 0


def test_a_refund_that_failed_at_once_names_the_banks_reason(refund: Billing, stripe: StripeDouble) -> None:
    metadata = {"sandbox_refund": "failed"}
    stripe.payments([{"id": "pi_f", "customer": "cus_1", "amount": 1000, "currency": "usd", "metadata": metadata}])
    answer = refund("co_1", "pi_f", *REASON)
    assert (answer.code, answer.document["intents"][0]["error"]) == (3, "expired_or_canceled_card")


def test_a_refund_that_failed_later_is_taken_back_once(
    pending: Answer, billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.refund_status(stripe.refunds()[0]["id"], "failed")
    assert billing("refund", "co_1", "pi_p", "--status").code == 3
    for _ in range(2):
        assert billing("refund", "co_1", "pi_p", "--status", "--confirm").code == 3
        assert sql.execute("select amount_minor from billing_adjustments order by adjustment_id").fetchall() == [
            (-1000,),
            (1000,),
        ]
    # What came back can be given once more.
    again = billing("refund", "co_1", "pi_p", "--amount-minor", "999", *REASON, "--confirm")
    assert again.code == 0


def test_a_refund_of_somebody_else_is_shown_as_such(
    pending: Answer, billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    sql.execute("delete from billing_adjustments; delete from billing_intents")
    (row,) = billing("refund", "co_1", "pi_p", "--status").document["refunds"]
    assert row["intent_id"] is None
