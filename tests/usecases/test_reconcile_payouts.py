"""Payouts proved from their transactions; and the rows that could explain one that is not."""

from datetime import timedelta
from typing import Any

import pytest
from support.money import usd
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY

from billing_cli.sandbox.stripe_control import ask

from .conftest import Billing
from .test_reconcile import classes

NOON_S = int((YESTERDAY - timedelta(days=5, hours=-12)).timestamp())
PAID_S = NOON_S + 3 * 86_400
WHEN = ["--start", f"{YESTERDAY - timedelta(days=3):%Y-%m-%d}", "--end", f"{YESTERDAY:%Y-%m-%d}"]


@pytest.fixture
def payout(billing: Billing, stripe: StripeDouble) -> dict[str, Any]:
    """120 charges of 100.00 USD, some in EUR, paid out three days later; the USD one."""
    shape = {"customer": "cus_1", "amount": 10_000, "created": NOON_S}
    stripe.payments([{"id": f"pi_{n}", "currency": "eur" if n >= 120 else "usd", **shape} for n in range(125)])
    found: list[dict[str, Any]] = ask(stripe.url, "POST", "payouts", {"created": PAID_S})["payouts"]
    return next(each for each in found if each["currency"] == "usd")


def test_each_automatic_payout_is_proved_to_the_cent(payout: dict[str, Any], billing: Billing) -> None:
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 2})
    assert [total["stripe"]["currency"] for total in answer.document["totals"]] == ["eur", "usd"]
    (proof,) = [each for each in answer.document["payouts"] if each["payout_id"] == payout["id"]]
    assert proof["paid_out"] == usd(120 * (10_000 - 320)) == usd(payout["amount"])
    assert proof["residual"] == proof["closing"] == proof["opening"] == usd(0)
    (charges,) = proof["categories"]
    assert charges == {
        "category": "charge",
        "rows": 120,
        "gross": usd(1_200_000),
        "fee": usd(38_400),
        "net": usd(1_161_600),
    }
    assert [each["what"] for each in answer.document["left_out"]] == ["the payout itself", "the payout itself"]


def test_a_transaction_that_is_missing_is_suspected(
    payout: dict[str, Any], billing: Billing, stripe: StripeDouble
) -> None:
    put(stripe, id="txn_lost", amount=-777, created=NOON_S + 60, payout=payout["id"])
    put(stripe, id="txn_lost", amount=-777, created=NOON_S + 60, payout=None)
    put(stripe, id="txn_extra", amount=-777, created=NOON_S + 60, payout=payout["id"])
    answer = billing("reconcile", "payouts", *WHEN)
    assert answer.code == 3
    assert classes(answer.document) == {("matched", ""): 1, ("amount_differs", "residual"): 1}
    (proof,) = [each for each in answer.document["payouts"] if each["residual"]["amount_minor"]]
    assert (proof["payout_id"], proof["residual"]) == (payout["id"], usd(777))
    assert [suspect["transaction_id"] for suspect in proof["suspects"]] == ["txn_extra"]


def put(stripe: StripeDouble, **row: Any) -> None:
    shape = {"currency": "usd", "reporting_category": "other_adjustment", "type": "adjustment", "source": None}
    row = {**shape, "available_on": row["created"], **row}
    ask(stripe.url, "POST", "transactions", {"transactions": [row]})


def test_a_row_left_out_of_its_payout_and_one_that_does_not_add_up_are_suspected(
    payout: dict[str, Any], billing: Billing, stripe: StripeDouble
) -> None:
    put(stripe, id="txn_in", amount=500, created=NOON_S, payout=payout["id"])
    put(stripe, id="txn_out", amount=-500, created=NOON_S, payout=None)
    put(stripe, id="txn_odd", amount=500, net=0, created=NOON_S, payout=payout["id"])
    answer = billing("reconcile", "payouts", *WHEN)
    (proof,) = [each for each in answer.document["payouts"] if each["residual"]["amount_minor"]]
    assert {suspect["transaction_id"]: suspect["why"] for suspect in proof["suspects"]} == {
        "txn_in": "in the payout, and exactly the residual",
        "txn_out": "not in the payout, and exactly the residual",
        "txn_odd": "gross less fee is not net",
    }


def test_a_payout_that_stripe_is_still_putting_together_is_in_flight(billing: Billing, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd", "created": NOON_S}])
    (made,) = ask(stripe.url, "POST", "payouts", {"created": PAID_S, "status": "pending"})["payouts"]
    put(stripe, id="txn_late", amount=500, created=NOON_S, payout=made["id"])
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("in_flight", "payout_in_progress"): 1})


def test_what_a_failed_payout_gave_back_is_in_the_next_one(billing: Billing, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd", "created": NOON_S}])
    (made,) = ask(stripe.url, "POST", "payouts", {"created": PAID_S})["payouts"]
    ask(stripe.url, "POST", "payout_failure", {"id": made["id"]})
    later = int(YESTERDAY.timestamp()) + 5 * 86_400
    (again,) = ask(stripe.url, "POST", "payouts", {"created": later})["payouts"]
    assert again["amount"] == made["amount"]
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", "failed_and_came_back"): 1})


@pytest.mark.parametrize("automatic", [True, False])
def test_a_failed_payout_differs_until_its_money_came_back(
    billing: Billing, stripe: StripeDouble, automatic: bool
) -> None:
    shape = {"amount": 9_680, "automatic": automatic, "created": PAID_S, "currency": "usd", "status": "failed"}
    payout_id = payout_document(stripe, id="po_failed", failure_balance_transaction=None, **shape)
    put(stripe, id="txn_in", amount=9_680, created=NOON_S, payout=payout_id if automatic else None)
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (3, {("failed", "money_not_back"): 1})
    payout_document(stripe, id="po_failed", failure_balance_transaction="txn_back", **shape)
    answer = billing("reconcile", "payouts", *WHEN)
    assert answer.code == 0
    assert classes(answer.document) == ({("matched", "failed_and_came_back"): 1} if automatic else {})


def test_instant_manual_reversed_and_negative_payouts(billing: Billing, stripe: StripeDouble) -> None:
    """A payout that Stripe does not break down is left out by name; one that takes money from the bank adds up too."""
    shape = {"created": PAID_S, "currency": "usd", "status": "paid", "failure_balance_transaction": None}
    payout_document(stripe, id="po_instant", amount=500, automatic=False, method="instant", **shape)
    payout_document(stripe, id="po_paid", amount=700, automatic=False, reversed_by="po_back", **shape)
    payout_document(stripe, id="po_back", amount=-700, automatic=False, original_payout="po_paid", **shape)
    payout_document(stripe, id="po_minus", amount=-900, automatic=True, **shape)
    put(stripe, id="txn_minus", amount=-900, created=NOON_S, payout="po_minus")
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 1})
    assert [(each["rows"], each["amount"]) for each in answer.document["left_out"]] == [(3, usd(500))]


def payout_document(stripe: StripeDouble, **document: Any) -> str:
    """A payout as given, over the fields of an ordinary one."""
    shape = {"object": "payout", "arrival_date": document["created"], "reconciliation_status": "completed"}
    ask(stripe.url, "POST", "payout_documents", {"payouts": [shape | document]})
    return str(document["id"])


def test_what_moved_another_balance_is_no_part_of_a_payout(
    payout: dict[str, Any], billing: Billing, stripe: StripeDouble
) -> None:
    prefunded = "refund_and_dispute_prefunding"
    put(stripe, id="txn_pre", amount=-777, created=NOON_S, payout=payout["id"], balance_type=prefunded)
    answer = billing("reconcile", "payouts", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 2})
    assert f"of another balance: {prefunded}" in [each["what"] for each in answer.document["left_out"]]
