"""Money does not move twice, or to another place, because an open or done intent was taken for what was asked."""

from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.adapters.stripe.money_reader import StripeMoneyReader

from .conftest import Billing

LINE = [{"amount": 10_000, "description": "usage"}]
REFUND = ["refund", "co_1", "pi_1", "--amount", "2.50", "--reason", "duplicate"]
ADJUST = ["adjust", "co_1", "credit", "--amount", "50", "--currency", "usd", "--reason", "Slow API", "--confirm"]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.money_mover._FIRST_WAIT_S", 0.001)


def invoice(name: str, **more: object) -> dict[str, Any]:
    return {"id": name, "customer": "cus_1", "status": "paid", "currency": "usd", "lines": LINE, **more}


def pay(stripe: StripeDouble, *names: str) -> None:
    stripe.payments([{"id": name, "customer": "cus_1", "amount": 10_000, "currency": "usd"} for name in names])


def break_off(stripe: StripeDouble, endpoint: str) -> None:
    """Five tries fail, so the command gives up with an open intent."""
    stripe.fault(kind="status", status=503, endpoint=endpoint, method="POST", count=5, stored=False)


def given_back(stripe: StripeDouble) -> list[int]:
    return [refund["amount"] for refund in stripe.refunds()]


@pytest.fixture
def file(billing: Billing, stripe: StripeDouble, tmp_path: Path) -> Path:
    """A file with the refund of REFUND; the payment paid an invoice."""
    pay(stripe, "pi_1")
    stripe.invoices([invoice("in_1", payment_intent="pi_1")])
    path = tmp_path / "incident.csv"
    path.write_text("payment,reason,amount\npi_1,duplicate,2.50\n")
    return path


def test_a_line_that_waited_for_the_open_intent_of_another_command_is_not_served_by_it(
    file: Path, billing: Billing, stripe: StripeDouble
) -> None:
    break_off(stripe, "/v1/refunds")
    assert billing(*REFUND, "--confirm").code == 5
    stripe.heal()
    words = ["refund", "--from-csv", str(file), "--confirm"]
    first = billing(*words)
    assert (first.code, first.document["unserved"], given_back(stripe)) == (5, ["pi_1"], [250])
    again = billing(*words)
    assert (again.code, given_back(stripe)) == (4, [250])
    assert "The same was done in the last 24 hours" in again.stderr


@pytest.mark.parametrize("again", [["--via", "credit-note"], None])
def test_the_same_refund_by_another_way_needs_its_plan_named(
    file: Path, billing: Billing, stripe: StripeDouble, again: list[str] | None
) -> None:
    assert billing(*REFUND, "--confirm").code == 0
    words = [*REFUND, *again] if again else ["refund", "--from-csv", str(file)]
    held = billing(*words, "--confirm")
    assert (held.code, given_back(stripe)) == (4, [250])
    plan = billing(*words).document["digest"]
    assert billing(*words, "--confirm", "--expect", plan).code == 0
    assert given_back(stripe) == [250, 250]


def test_all_that_remains_is_not_served_by_a_part(file: Path, billing: Billing, stripe: StripeDouble) -> None:
    break_off(stripe, "/v1/refunds")
    assert billing(*REFUND, "--confirm").code == 5
    stripe.heal()
    everything = billing("refund", "co_1", "pi_1", "--reason", "duplicate", "--confirm")
    assert (everything.code, everything.document["unserved"]) == (5, ["pi_1"])


@pytest.mark.parametrize(
    ("opened", "asked"),
    [
        (["--as", "balance"], ["--as", "credit-grant"]),
        (["--as", "credit-grant", "--expires", "2099-12-31"], ["--as", "credit-grant"]),
        (["--as", "credit-grant", "--price", "price_a"], ["--as", "credit-grant", "--price", "price_b"]),
    ],
)
def test_a_credit_of_another_kind_or_other_terms_is_not_served_by_an_open_one(
    billing: Billing, stripe: StripeDouble, opened: list[str], asked: list[str]
) -> None:
    for endpoint in ("/v1/customers/cus_1/balance_transactions", "/v1/billing/credit_grants"):
        break_off(stripe, endpoint)
    assert billing(*ADJUST, *opened).code == 5
    stripe.heal()
    answer = billing(*ADJUST, *asked)
    assert (answer.code, answer.document["unserved"]) == (5, ["cus_1"])


def test_a_charge_on_another_draft_is_not_served_by_an_open_one(billing: Billing, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_a", status="draft"), invoice("in_b", status="draft")])
    break_off(stripe, "/v1/invoiceitems")
    words = ["adjust", "co_1", "charge", "--amount", "5", "--currency", "usd", "--reason", "setup", "--confirm"]
    assert billing(*words, "--invoice", "in_a").code == 5
    stripe.heal()
    assert billing(*words, "--invoice", "in_b").code == 5


def test_a_credit_note_names_the_invoice_that_the_payment_paid(billing: Billing, stripe: StripeDouble) -> None:
    pay(stripe, "pi_1")
    stripe.invoices([invoice("in_1", payment_intent="pi_1")])
    stripe.invoices([invoice("in_later", status="open", payment_intent="pi_1")])
    plan = billing(*REFUND, "--via", "credit-note")
    assert plan.document["actions"][0]["request"]["invoice"] == "in_1"


def test_a_credit_note_that_gave_another_payment_back_needs_a_person(
    file: Path, billing: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay(stripe, "pi_2")
    standing = StripeMoneyReader.standing

    def late(self: StripeMoneyReader, *about: Any) -> Any:
        stripe.invoices([invoice("in_1", payment_intent="pi_2")])
        return standing(self, *about)

    monkeypatch.setattr(StripeMoneyReader, "standing", late)
    answer = billing(*REFUND, "--via", "credit-note", "--confirm")
    (intent,) = answer.document["intents"]
    assert (answer.code, intent["error"]) == (3, "Stripe gave back payment pi_2 for it, not pi_1.")


@pytest.mark.parametrize("credited", ["in_1", "in_2"])
def test_credits_of_every_invoice_that_a_payment_paid_are_seen(
    billing: Billing, stripe: StripeDouble, credited: str
) -> None:
    pay(stripe, "pi_1")
    for name in ("in_1", "in_2"):
        stripe.invoices([invoice(name, payments=[{"payment_intent": "pi_1", "amount": 5000}])])
    stripe.client().v1.credit_notes.create({"invoice": credited, "amount": 1000, "credit_amount": 1000})
    assert billing(*REFUND, "--confirm").code == 4


def test_a_charge_stands_for_its_payment_also_for_the_status(billing: Billing, stripe: StripeDouble) -> None:
    pay(stripe, "pi_1")
    charge = str(stripe.client().v1.payment_intents.retrieve("pi_1").latest_charge)
    assert billing(*REFUND, "--confirm").code == 0
    answer = billing("refund", "co_1", charge, "--status")
    assert (answer.code, len(answer.document["refunds"])) == (0, 1)


@pytest.fixture
def stuck(billing: Billing, stripe: StripeDouble, sql: Connection, tmp_path: Path) -> list[str]:
    """Forty refunds that may have been sent, of which Stripe has none, in the order in which they are resumed."""
    pay(stripe, *(f"pi_{number:02}" for number in range(40)))
    stripe.fault(kind="status", status=401, endpoint="/v1/refunds", method="POST")
    path = tmp_path / "many.csv"
    lines = "".join(f"pi_{number:02},duplicate,1\n" for number in range(40))
    path.write_text(f"payment,reason,amount\n{lines}")
    assert billing("refund", "--from-csv", str(path), "--confirm").code != 0
    stripe.heal()
    sql.execute(
        "update billing_intents set state = 'sending', first_sent_at = now(), last_sent_at = now(), attempts = 1, "
        "claimed_by = null, claimed_until = null"
    )
    rows = sql.execute("select subject from billing_intents order by opened_at, intent_id").fetchall()
    return [str(subject) for (subject,) in rows]


def test_one_that_stripe_does_not_know_stops_no_other(
    stuck: list[str], billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    sql.execute("update billing_intents set subject = 'pi_gone' where subject = %s", (stuck[0],))
    sql.execute(
        """update billing_intents set request = jsonb_set(request, '{payment_intent}', '"pi_gone"') """
        "where subject = 'pi_gone'"
    )
    answer = billing("intents", "resume", "--all", "--confirm")
    assert (answer.code, len(stripe.refunds())) == (5, 39)
    (open_one,) = [intent for intent in answer.document["intents"] if intent["state"] != "done"]
    assert open_one["subject"] == "pi_gone"
    sql.execute(
        "update billing_intents set first_sent_at = now() - interval '3 days', last_sent_at = now() - interval '3 days'"
    )
    assert billing("intents", "resume", "--all", "--confirm").code == 3
    assert sql.execute("select state::text from billing_intents where subject = 'pi_gone'").fetchall() == [("lapsed",)]


def test_a_look_that_stripe_refuses_proves_nothing(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    pay(stripe, "pi_1")
    break_off(stripe, "/v1/refunds")
    assert billing(*REFUND, "--confirm").code == 5
    stripe.heal()
    sql.execute(
        "update billing_intents set first_sent_at = now() - interval '3 days', last_sent_at = now() - interval '3 days'"
    )
    stripe.fault(kind="status", status=400, endpoint="/v1/refunds", method="GET")
    assert billing("intents", "resume", "--all", "--confirm").code == 5
    assert sql.execute("select state::text from billing_intents").fetchall() == [("sending",)]


def test_those_that_the_dashboard_overtook_do_not_keep_the_others_waiting(
    stuck: list[str], billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    for name in stuck[:20]:
        stripe.client().v1.refunds.create({"payment_intent": name, "amount": 1})
    assert billing("intents", "resume", "--all", "--confirm").code == 5
    done = sql.execute("select subject from billing_intents where state = 'done'").fetchall()
    assert sorted(subject for (subject,) in done) == sorted(stuck[20:])


def test_an_empty_expiry_is_not_for_ever(billing: Billing) -> None:
    answer = billing(*ADJUST[:-1], "--as", "credit-grant", "--expires", "")
    assert (answer.code, "--expires" in answer.stderr) == (2, True)


def test_a_payment_of_an_invoice_that_is_paid_in_part_is_not_given_back_by_a_credit_note(
    billing: Billing, stripe: StripeDouble
) -> None:
    pay(stripe, "pi_1")
    stripe.invoices([invoice("in_1", status="open", payments=[{"payment_intent": "pi_1", "amount": 4000}])])
    found = stripe.client().v1.invoices.retrieve("in_1")
    assert (found.amount_paid, found.amount_remaining) == (4000, 6000)
    refused = billing(*REFUND, "--via", "credit-note")
    assert (refused.code, "its invoice in_1 is paid in part only" in refused.stderr) == (2, True)
    assert billing(*REFUND).code == 0
