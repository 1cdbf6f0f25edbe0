"""`invoices mark-paid`, `void` and `mark-uncollectible`, with Stripe and here: what each side has afterwards, and what the plan shows before."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection

from billing_cli.sandbox.stripe_control import ask

from .conftest import DAY, Billing

LINE = [{"amount": 10_000, "description": "usage"}]


def invoice(name: str, **more: object) -> dict[str, Any]:
    return {"id": name, "customer": "cus_1", "status": "open", "currency": "usd", "lines": LINE, **more}


def ours(sql: Connection, name: str, status: str = "open") -> None:
    sql.execute(
        "insert into billing_invoices (invoice_id, company_id, status, currency, total_minor, amount_paid_minor, "
        "created_at) values (%s, 'co_1', %s, 'usd', 10000, 0, %s)",
        (name, status, YESTERDAY),
    )


def row(sql: Connection, name: str) -> tuple[Any, ...] | None:
    return sql.execute(
        "select status, amount_paid_minor from billing_invoices where invoice_id = %s", (name,)
    ).fetchone()


def finalized_with_a_balance(stripe: StripeDouble) -> str:
    """An invoice over 100.00, of which a credit balance took 30.00."""
    ask(stripe.url, "POST", "customers_balance", {"customer": "cus_1", "balance": -3000, "currency": "usd"})
    v1: Any = stripe.client().v1
    v1.invoice_items.create({"customer": "cus_1", "amount": 10_000, "currency": "usd"})
    draft = v1.invoices.create({"customer": "cus_1", "pending_invoice_item_behavior": "include"})
    return str(v1.invoices.finalize_invoice(draft.id).id)


def credited_before_it_was_paid(stripe: StripeDouble) -> str:
    """An invoice over 100.00, of which a credit note took 30.00."""
    stripe.invoices([invoice("in_1")])
    stripe.client().v1.credit_notes.create({"invoice": "in_1", "amount": 3000})
    return "in_1"


@pytest.mark.parametrize("arrange", [finalized_with_a_balance, credited_before_it_was_paid])
def test_our_row_has_what_stripe_has_as_paid_and_not_the_total(
    arrange: Any, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    name = arrange(stripe)
    ours(sql, name)
    done = billing("invoices", "mark-paid", "co_1", name, "--reason", "wire", "--confirm")
    assert (done.code, done.document["intents"][0]["here"]) == (0, "updated")
    assert done.document["intents"][0]["amount"]["amount_minor"] == 7000
    assert row(sql, name) == ("paid", 7000)


def test_what_reconcile_compares_agrees_afterwards(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    name = finalized_with_a_balance(stripe)
    ours(sql, name)
    sql.execute("update billing_invoices set created_at = now()")
    assert billing("invoices", "mark-paid", "co_1", name, "--reason", "wire", "--confirm").code == 0
    report = billing("reconcile", "invoices", "--start", DAY, "--end", f"{YESTERDAY + timedelta(days=1):%Y-%m-%d}")
    assert "amount_paid" not in str(report.document.get("differences")), report.document


def test_the_plan_shows_collection_attempts_and_payments_in_flight(billing: Billing, stripe: StripeDouble) -> None:
    moment = int((YESTERDAY + timedelta(days=9)).timestamp())
    stripe.payments([{"id": "pi_9", "customer": "cus_1", "amount": 10_000, "currency": "usd", "status": "processing"}])
    stripe.invoices([invoice("in_1", attempt_count=2, next_payment_attempt=moment, payment_intent="pi_9")])
    stripe.invoices([invoice("in_2", collection_method="send_invoice")])
    document = billing("invoices", "mark-paid", "co_1", "in_1", "--reason", "wire").document
    facts = document["actions"][0]["facts"]
    assert (facts["collection"], facts["attempts so far"]) == ("charge_automatically", 2)
    assert facts["next attempt"] == (YESTERDAY + timedelta(days=9)).isoformat()
    assert facts["payments in flight"] == "pi_9 processing 100.00 USD"
    assert "pi_9 of 100.00 USD is processing" in document["warnings"][0]
    other = billing("invoices", "mark-paid", "co_1", "in_2", "--reason", "wire").document
    assert other["actions"][0]["facts"]["collection"] == "send_invoice"
    assert (other["actions"][0]["facts"]["payments in flight"], other["warnings"]) == ("none", [])


def test_it_says_that_it_cannot_be_undone(billing: Billing, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_1")])
    undo = billing("invoices", "mark-paid", "co_1", "in_1", "--reason", "wire").document["actions"][0]["undo"]
    assert (undo["possible"], "cannot be undone" in undo["how"]) == (False, True)
    assert undo["command"].startswith("billing adjust co_1 charge --amount 100.00 --currency usd")


def test_paid_already_is_said_of_stripe_alone_if_there_is_no_row(billing: Billing, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_1", status="paid")])
    answer = billing("invoices", "mark-paid", "co_1", "in_1", "--reason", "wire")
    assert answer.code == 2
    assert "is paid already in Stripe; billing_invoices has no row of it" in answer.stderr
    assert "and here" not in answer.stderr


CHANGES = {
    "void": ("void", "void"),
    "mark-uncollectible": ("mark_uncollectible", "uncollectible"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_invoice_is_changed_there_and_here_by_one_request(
    name: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    path, after = CHANGES[name]
    stripe.invoices([invoice("in_1")])
    ours(sql, "in_1")
    words = ["invoices", name, "co_1", "in_1", "--reason", "agreed on the phone"]
    plan = billing(*words)
    assert plan.document["schema"] == f"billing.invoice-{name}/v1"
    assert row(sql, "in_1") == ("open", 0)
    done = billing(*words, "--confirm")
    (intent,) = done.document["intents"]
    assert (done.code, intent["state"], intent["here"], intent["reason"]) == (
        0,
        "done",
        "updated",
        "agreed on the phone",
    )
    assert row(sql, "in_1") == (after, 0)
    assert stripe.client().v1.invoices.retrieve("in_1").status == after
    writes = [line["path"] for line in stripe.log() if line["method"] == "POST" and line["path"].startswith("/v1")]
    assert writes == [f"/v1/invoices/in_1/{path}"]
    assert sql.execute("select count(*) from billing_adjustments").fetchone() == (0,)
    again = billing(*words, "--confirm")
    assert (again.code, f"is {after} already, in Stripe and here" in again.stderr) == (2, True)


@pytest.mark.parametrize("name", CHANGES)
def test_our_row_follows_a_change_that_was_made_in_the_dashboard(
    name: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    stripe.invoices([invoice("in_1", status=CHANGES[name][1])])
    ours(sql, "in_1")
    requests = len(stripe.log())
    assert billing("invoices", name, "co_1", "in_1", "--reason", "x", "--confirm").code == 0
    assert row(sql, "in_1") == (CHANGES[name][1], 0)
    assert [line for line in stripe.log()[requests:] if line["method"] == "POST"] == []


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("status", ["draft", "paid"])
def test_what_cannot_be_changed_is_refused(name: str, status: str, billing: Billing, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_1", status=status)])
    answer = billing("invoices", name, "co_1", "in_1", "--reason", "x", "--confirm")
    assert (answer.code, f"is {status}: only" in answer.stderr) == (2, True)


def test_an_invoice_that_was_written_off_can_be_voided_and_paid(
    billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    for name, change in (("in_1", "void"), ("in_2", "mark-paid")):
        stripe.invoices([invoice(name)])
        ours(sql, name)
        assert billing("invoices", "mark-uncollectible", "co_1", name, "--reason", "x", "--confirm").code == 0
        assert billing("invoices", change, "co_1", name, "--reason", "y", "--confirm").code == 0
    assert [row(sql, name) for name in ("in_1", "in_2")] == [("void", 0), ("paid", 10_000)]


def test_voiding_gives_the_balance_back_that_the_invoice_took(billing: Billing, stripe: StripeDouble) -> None:
    name = finalized_with_a_balance(stripe)
    assert stripe.client().v1.customers.retrieve("cus_1").balance == 0
    assert billing("invoices", "void", "co_1", name, "--reason", "x", "--confirm").code == 0
    assert stripe.client().v1.customers.retrieve("cus_1").balance == -3000


def test_each_change_has_limits_of_its_own(
    billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stripe.invoices([invoice("in_1"), invoice("in_2")])
    (tmp_path / "billing.toml").write_text('[limits.void]\nper_command = { usd = "50.00" }\n')
    assert billing("invoices", "void", "co_1", "in_1", "--reason", "x", "--confirm").code == 4
    assert billing("invoices", "mark-uncollectible", "co_1", "in_2", "--reason", "x", "--confirm").code == 0
