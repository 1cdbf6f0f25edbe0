"""Manual charges and credits, and invoices that were paid outside."""

from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.sandbox.stripe_control import ask

from .conftest import Answer, Billing

MONEY = ["--amount", "12.50", "--currency", "usd", "--reason", "Outage"]
LINES = [{"amount": 10_000, "description": "usage"}]


def invoice(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "customer": "cus_1", "status": status, "currency": "usd", "lines": LINES, **more}


@pytest.fixture
def adjust(billing: Billing, stripe: StripeDouble) -> Billing:
    """Adjusts co_1 for real; it has an invoice in every state but draft."""
    stripe.invoices([invoice(f"in_{status}", status) for status in ("open", "paid", "void", "uncollectible")])
    return lambda direction, *words: billing("adjust", "co_1", direction, *MONEY, *words, "--confirm")


def made(answer: Answer) -> tuple[str, str]:
    assert answer.code == 0, answer.stderr
    (intent,) = answer.document["intents"]
    return intent["kind"], intent["subject"]


@pytest.mark.parametrize(
    ("direction", "words", "draft", "kind"),
    [
        ("credit", [], False, "balance"),
        ("charge", [], False, "invoice_item"),
        ("credit", [], True, "invoice_item"),
        ("charge", [], True, "invoice_item"),
        ("credit", ["--invoice", "in_open"], False, "credit_note"),
        ("credit", ["--invoice", "in_paid"], False, "credit_note"),
        ("charge", ["--invoice", "in_paid"], False, "invoice_item"),
        ("credit", ["--invoice", "in_draft"], True, "invoice_item"),
        ("credit", ["--as", "invoice-item"], False, "invoice_item"),
        ("charge", ["--as", "balance"], True, "balance"),
    ],
)
def test_the_state_of_the_invoice_chooses(
    direction: str, words: list[str], draft: bool, kind: str, adjust: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    if draft:
        stripe.invoices([invoice("in_draft", "draft")])
    assert made(adjust(direction, *words))[0] == kind
    sign = 1 if direction == "charge" else -1
    assert sql.execute("select amount_minor, kind::text, reason from billing_adjustments").fetchall() == [
        (sign * 1250, kind, "Outage")
    ]


EURO = ["--amount", "12.50", "--currency", "eur", "--reason", "Outage"]


@pytest.fixture
def two_currencies(adjust: Billing, billing: Billing, stripe: StripeDouble) -> Billing:
    """Adjusts co_1 in EUR, whose customer's currency is USD."""
    ask(stripe.url, "POST", "customers_balance", {"customer": "cus_1", "balance": 0, "currency": "usd"})
    return lambda direction, *words: billing("adjust", "co_1", direction, *EURO, *words, "--confirm")


@pytest.mark.parametrize("words", [["--invoice", "in_euro"], []])
@pytest.mark.parametrize("direction", ["charge", "credit"])
def test_a_draft_in_another_currency_than_the_customers_takes_a_line_in_its_own(
    direction: str, words: list[str], two_currencies: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    stripe.invoices([invoice("in_euro", "draft", currency="eur")])
    assert made(two_currencies(direction, *words))[0] == "invoice_item"
    (line,) = stripe.objects("invoiceitem")
    assert (line["currency"], line["invoice"]) == ("eur", "in_euro")
    other = billing("adjust", "co_1", direction, *MONEY, "--invoice", "in_euro")
    assert (other.code, "Invoice in_euro is in EUR" in other.stderr) == (2, True)


def test_a_line_waits_for_the_next_invoice_in_a_currency_that_is_subscribed(
    two_currencies: Billing, stripe: StripeDouble
) -> None:
    assert "is billed in USD." in two_currencies("charge").stderr
    stripe.subscriptions([{"id": "sub_1", "customer": "cus_1", "items": [], "currency": "eur"}])
    assert made(two_currencies("charge"))[0] == "invoice_item"


def test_a_balance_in_another_currency_is_refused(two_currencies: Billing, stripe: StripeDouble) -> None:
    answer = two_currencies("credit")
    assert answer.code == 2
    assert "is billed in USD, and so is the balance" in answer.stderr
    assert "name an invoice in EUR" in answer.stderr


@pytest.mark.parametrize(
    ("direction", "words", "said"),
    [
        ("credit", ["--invoice", "in_void", "--as", "credit-note"], "void"),
        ("credit", ["--invoice", "in_uncollectible"], "uncollectible"),
        ("charge", ["--invoice", "in_open", "--as", "credit-note"], "cannot charge"),
        ("credit", ["--as", "credit-note"], "corrects an invoice"),
        ("credit", ["--invoice", "in_open", "--as", "balance"], "not to an invoice"),
        ("charge", ["--invoice", "in_open", "--as", "invoice-item"], "takes no lines"),
        ("credit", ["--invoice", "in_other"], "not an invoice of co_1"),
        ("credit", ["--invoice", "in_none"], "No such invoice"),
        ("credit", ["--currency", "eur"], "billed in USD"),
        ("credit", ["--invoice", "in_open", "--amount", "100.01"], "Stripe refused"),
        ("credit", ["--amount", "12.505"], "more decimals"),
        ("credit", ["--reason", " "], "needs a reason"),
        ("credit", ["--currency", "euro"], "no currency"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    direction: str, words: list[str], said: str, adjust: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    stripe.invoices([{**invoice("in_other", "open"), "customer": "cus_2"}])
    answer = adjust(direction, *words)
    assert answer.code == 2
    assert said in answer.stderr
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


def test_several_drafts_have_to_be_chosen_from(adjust: Billing, stripe: StripeDouble) -> None:
    stripe.invoices([invoice("in_a", "draft"), invoice("in_b", "draft")])
    assert "in_b, in_a" in adjust("charge").stderr or "in_a, in_b" in adjust("charge").stderr
    assert made(adjust("charge", "--invoice", "in_b")) == ("invoice_item", "cus_1")


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        (["credit", "--as", "balance"], ("balance before", -500), ("balance after", -1750)),
        (["charge", "--as", "balance"], ("balance before", -500), ("balance after", 750)),
        (["credit"], ("draft before", 10_000), ("draft after, before tax", 8750)),
    ],
)
def test_the_plan_shows_before_and_after(
    words: list[str],
    before: tuple[str, int],
    after: tuple[str, int],
    adjust: Billing,
    billing: Billing,
    stripe: StripeDouble,
) -> None:
    stripe.invoices([invoice("in_draft", "draft")])
    ask(stripe.url, "POST", "customers_balance", {"customer": "cus_1", "balance": -500, "currency": "usd"})
    facts = billing("adjust", "co_1", *words, *MONEY).document["actions"][0]["facts"]
    assert {name: facts[name]["amount_minor"] for name, _ in (before, after)} == dict([before, after])
    assert facts["because"]


def test_the_same_again_needs_the_digest_of_its_plan(adjust: Billing, sql: Connection) -> None:
    assert adjust("credit").code == 0
    again = adjust("credit")
    assert again.code == 4
    assert "--expect" in again.stderr
    assert sql.execute("select count(*) from billing_adjustments").fetchone() == (1,)
    assert adjust("charge").code == 0  # the opposite is no repetition: it undoes


def test_without_a_subscription_a_lonely_item_is_warned_of(
    adjust: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    def warnings() -> str:
        return " ".join(billing("adjust", "co_1", "charge", *MONEY).document["warnings"])

    assert "no subscription" in warnings()
    ask(
        stripe.url,
        "POST",
        "subscriptions",
        {"subscriptions": [{"id": "sub_1", "customer": "cus_1", "status": "active"}]},
    )
    assert warnings() == ""


@pytest.fixture
def mark(billing: Billing, stripe: StripeDouble, sql: Connection) -> Billing:
    statuses = ("draft", "open", "paid", "void", "uncollectible")
    stripe.invoices([invoice(f"in_{status}", status) for status in statuses])
    for status in statuses:
        sql.execute("insert into billing_invoices (invoice_id, company_id, status) values (%s, 'co_1', 'open')",
                    (f"in_{status}",))  # fmt: skip
    return lambda company, name: billing("invoices", "mark-paid", company, name, "--reason", "wire", "--confirm")


@pytest.mark.parametrize("name", ["in_open", "in_uncollectible", "in_paid"])
def test_an_invoice_is_marked_paid_there_and_here(
    name: str, mark: Billing, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    """in_paid is paid in Stripe already, and not yet here."""
    assert mark("co_1", name).code == 0
    listed = billing("invoices", "list", "co_1").document["invoices"]
    (found,) = [each for each in listed if each["invoice_id"] == name]
    assert (found["status"], found["status_here"], found["company_id"]) == ("paid", "paid", "co_1")
    paid = sql.execute("select amount_paid_minor from billing_invoices where invoice_id = %s", (name,))
    assert paid.fetchall() == [(10_000,)]
    writes = [line["path"] for line in stripe.log() if line["method"] == "POST" and not line["path"].startswith("/_")]
    assert writes == ([] if name == "in_paid" else [f"/v1/invoices/{name}/pay"])
    assert mark("co_1", name).code == 2


@pytest.mark.parametrize(
    ("company", "name"), [("co_1", "in_draft"), ("co_1", "in_void"), ("co_2", "in_open"), ("co_1", "x")]
)
def test_what_cannot_be_marked_paid_is_refused(company: str, name: str, mark: Billing, sql: Connection) -> None:
    assert mark(company, name).code == 2
    assert sql.execute("select count(*) from billing_intents").fetchone() == (0,)


def test_invoices_are_listed_with_a_filter(mark: Billing, billing: Billing) -> None:
    assert len(billing("invoices", "list").document["invoices"]) == 5
    (found,) = billing("invoices", "list", "co_1", "--status", "open").document["invoices"]
    assert found["invoice_id"] == "in_open"
    assert len(billing("invoices", "list", "--limit", "2").document["invoices"]) == 2


@pytest.fixture
def paid(adjust: Billing, billing: Billing, stripe: StripeDouble) -> Billing:
    """pi_1 paid in_1, 100.00 USD; runs any command with both gates open."""
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    stripe.invoices([invoice("in_1", "paid", payment_intent="pi_1")])
    return lambda *words: billing(*words, "--confirm")


REFUND = ["refund", "co_1", "pi_1", "--amount", "2.50", "--reason", "duplicate"]
CREDIT = ["adjust", "co_1", "credit", *MONEY, "--invoice", "in_1"]


@pytest.mark.parametrize("via", ["refund", "credit-note"])
def test_a_credit_on_an_invoice_whose_payment_was_refunded_shows_it_and_needs_its_plan_named(
    via: str, paid: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    assert paid(*REFUND, "--via", via).code == 0
    refund_id = stripe.refunds()[0]["id"]
    plan = billing(*CREDIT).document
    assert plan["actions"][0]["facts"]["refunded before"].startswith(f"2.50 USD ({refund_id}, ")
    assert f"money was refunded before: 2.50 USD ({refund_id}" in plan["demands"]["seen"]
    refused = paid(*CREDIT)
    assert (refused.code, "money was refunded before" in refused.stderr) == (4, True)
    assert paid(*CREDIT, "--expect", plan["digest"]).code == 0


def test_a_refund_that_failed_does_not_stand_in_the_way_of_a_credit(paid: Billing, stripe: StripeDouble) -> None:
    assert paid(*REFUND).code == 0
    stripe.refund_status(stripe.refunds()[0]["id"], "failed")
    assert paid(*CREDIT).code == 0


def test_a_refund_of_a_payment_whose_invoice_was_credited_shows_it_and_needs_its_plan_named(
    paid: Billing, billing: Billing, stripe: StripeDouble
) -> None:
    assert paid(*CREDIT).code == 0
    note_id = stripe.objects("credit_note")[0]["id"]
    plan = billing(*REFUND).document
    assert plan["actions"][0]["facts"]["credited before"].startswith(f"12.50 USD ({note_id}, ")
    refused = paid(*REFUND)
    assert (refused.code, stripe.refunds()) == (4, [])
    assert "which pi_1 paid, money was credited before: 12.50 USD" in refused.stderr
    assert paid(*REFUND, "--expect", plan["digest"]).code == 0


def test_partial_refunds_by_credit_notes_are_no_credits_beside_each_other(paid: Billing) -> None:
    assert paid(*REFUND, "--via", "credit-note").code == 0
    assert paid("refund", "co_1", "pi_1", "--amount", "3", "--reason", "duplicate", "--via", "credit-note").code == 0


def test_a_file_warns_of_credits_beside_its_refunds(paid: Billing, billing: Billing, tmp_path: Path) -> None:
    assert paid(*CREDIT).code == 0
    (tmp_path / "some.csv").write_text("payment,reason,amount\npi_1,duplicate,2.50\n")
    plan = billing("refund", "--from-csv", str(tmp_path / "some.csv")).document
    assert plan["demands"]["seen"] is None
    assert any("money was credited before: 12.50 USD" in each for each in plan["warnings"])
