"""Whether and how each movement of money is undone, and the command for it."""

import shlex
from typing import Any

import pytest

from billing_cli.domain.adjustment import Direction, Instrument
from billing_cli.domain.intent import Action
from billing_cli.domain.money import Money
from billing_cli.domain.movement import IntentKind, undo_of

CUSTOMER = {"customer": "cus_1", "amount": -1250, "currency": "usd"}
REQUESTS: dict[str, tuple[IntentKind, dict[str, Any], dict[str, Any]]] = {
    "refund": (IntentKind.REFUND, {"payment_intent": "pi_1", "amount": 1250}, {"status": "succeeded"}),
    "credit note with money": (IntentKind.CREDIT_NOTE, {"invoice": "in_1", "refund_amount": 1250}, {"status": "succeeded"}),
    "credit note on a paid invoice": (IntentKind.CREDIT_NOTE, {"invoice": "in_1", "credit_amount": 1250}, {"status": "paid"}),
    "credit note on an open invoice": (IntentKind.CREDIT_NOTE, {"invoice": "in_1"}, {"status": "open"}),
    "invoice item": (IntentKind.INVOICE_ITEM, CUSTOMER, {"newest line": None}),
    "line on a draft": (IntentKind.INVOICE_ITEM, {**CUSTOMER, "invoice": "in_1"}, {"status": "draft"}),
    "balance": (IntentKind.BALANCE, CUSTOMER, {"balance in minor units": 0}),
    "void": (IntentKind.VOID_INVOICE, {"invoice": "in_1"}, {"status": "open"}),
    "uncollectible": (IntentKind.MARK_UNCOLLECTIBLE, {"invoice": "in_1"}, {"status": "open"}),
    "credit grant": (IntentKind.CREDIT_GRANT, {"customer": "cus_1"}, {"newest credit grant": None}),
    "mark paid": (IntentKind.MARK_PAID, {"invoice": "in_1", "paid_out_of_band": True}, {"status": "open"}),
}  # fmt: skip
ELSEWHERE = {"credit grant", "credit note on an open invoice", "uncollectible"}
POSSIBLE = {"credit grant", "credit note on an open invoice", "invoice item", "line on a draft", "balance"}


def action(name: str, in_favour: bool = True) -> Action:
    kind, request, seen = REQUESTS[name]
    return Action(kind, "co 1", "pi_1", Money(1250, "usd"), in_favour, request, "outage", None, {}, (), seen)


def test_every_kind_is_among_them() -> None:
    assert {kind for kind, _, _ in REQUESTS.values()} == set(IntentKind)


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_a_sentence_with_a_command(name: str) -> None:
    undo = undo_of(action(name))
    assert undo.possible == (name in POSSIBLE)
    assert undo.how.endswith(".")
    assert undo.command


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in ELSEWHERE])
@pytest.mark.parametrize("in_favour", [True, False])
def test_the_command_is_one_of_ours_for_the_same_company_and_amount(name: str, in_favour: bool) -> None:
    words = shlex.split(undo_of(action(name, in_favour)).command or "")
    assert words[:3] == ["billing", "adjust", "co 1"]
    # What is asked for anew is a charge; what is done the other way round is the opposite.
    opposite = Direction.CHARGE if in_favour else Direction.CREDIT
    assert words[3] == (opposite if name in ("invoice item", "line on a draft", "balance") else Direction.CHARGE)
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert (options["--amount"], options["--currency"]) == ("12.50", "usd")
    assert options["--as"] in list(Instrument)
    assert options.get("--invoice") == ("in_1" if name == "line on a draft" else None)


def test_a_credit_note_on_an_open_invoice_is_voided_in_stripe() -> None:
    assert undo_of(action("credit note on an open invoice")).command == "stripe post /v1/credit_notes/cn_…/void"


def test_an_invoice_that_was_written_off_can_be_marked_as_paid() -> None:
    assert undo_of(action("uncollectible")).command == "billing invoices mark-paid 'co 1' pi_1 --reason Paid"


def test_a_credit_grant_is_voided_or_expired_in_stripe() -> None:
    undo = undo_of(action("credit grant"))
    assert undo.command == "stripe post /v1/billing/credit_grants/credgr_…/void"
    assert "/expire" in undo.how
