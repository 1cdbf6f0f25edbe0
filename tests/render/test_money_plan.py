"""Plans, intents and invoices at any width: every amount and id can be read whole."""

import io
import json
from typing import Any

import pytest
from rich.console import Console, RenderableType

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.gate import Gates
from billing_cli.domain.intent import Action, Intent, IntentKind, IntentState
from billing_cli.domain.invoice import Invoice, KnownInvoice, ListedInvoice
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money import Money
from billing_cli.domain.money_plan import Known, MoneyPlan, Wishes, money_plan
from billing_cli.render.intents import IntentsView, next_commands, render_moved
from billing_cli.render.invoices import InvoicesView
from billing_cli.render.money_plan import MoneyPlanView, money_plan_document

IDENTITY = StripeIdentity("acct_1", False, False)
PAYMENT = "pi_3QabcdefghijklmnopqrstuvW"


def action(number: int = 0) -> Action:
    money = Money(123_456_789 + number, "usd")
    facts: dict[str, object] = {"refund now": money, "remaining after": Money(1, "usd"), "name": None}
    request = {"amount": money.amount_minor}
    return Action(
        IntentKind.REFUND, "co_1", f"{PAYMENT}{number}", money, True, request, "duplicate", "late", facts, (), {}
    )


def plan(count: int) -> MoneyPlan:
    wishes = Wishes(actions=tuple(action(number) for number in range(count)), warnings=("Mind the gap.",))
    limits = CommandLimits(approve_above={"usd": 100}, per_command={"usd": 10**10})
    return money_plan("refund", {}, IDENTITY, wishes, Known((), {}), limits, {})


def intent(state: IntentState, status: str | None = None) -> Intent:
    return Intent(
        intent_id="int_20261124_042159_da49265ad121d756", command="refund", kind=IntentKind.REFUND, company_id="co_1",
        subject=PAYMENT, money=Money(1250, "usd"), in_favour_of_company=True, request={}, reason="duplicate", note=None,
        source_key=None, state=state, actor="ana", opened_at="", age_s=0, sent_age_s=0, attempts=1, claimed_by=None,
        claim_left_s=0, settled_at=None, stripe_object_id="re_1", stripe_status=status, request_id=None, error=None,
        stripe_account_id="acct_1", livemode=False,
    )  # fmt: skip


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    console.print(renderable)
    text = console.export_text()
    assert all(len(line) <= width for line in text.splitlines())
    return text


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("count", [1, 3])
def test_a_plan_shows_amounts_warnings_and_demands(width: int, count: int) -> None:
    text = printed(MoneyPlanView(plan(count), Gates(False, False)), width)
    assert "1,234,567.89 USD" in text
    assert "Mind the gap." in text
    assert "second person" in text.replace("\n", " ")
    assert "None" not in text


def test_many_actions_are_summed_and_the_rest_counted() -> None:
    text = printed(MoneyPlanView(plan(60), Gates(False, False)), 120)
    assert "… and 10 more" in text
    assert "60 in all: 74,074,091.10 USD" in text


def test_the_document_has_every_action() -> None:
    assert len(money_plan_document(plan(60), Gates(False, False))["actions"]) == 60  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 120])
def test_intents_can_be_copied_at_any_width(width: int) -> None:
    text = printed(IntentsView([intent(IntentState.DONE, "pending"), intent(IntentState.REFUSED)]), width)
    assert text.count("int_20261124_042159_da49265ad121d756") == 2
    assert "pending" in text


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        (IntentState.SENDING, None, "intents resume"),
        (IntentState.DONE, "pending", "--status"),
        (IntentState.DONE, "failed", "failed at Stripe"),
    ],
)
def test_what_was_done_says_what_to_type_next(state: IntentState, status: str | None, said: str) -> None:
    moved = [intent(state, status)]
    assert said in printed(render_moved(moved), 120) + "".join(next_commands(moved))


@pytest.mark.parametrize("width", [40, 120])
def test_an_invoice_that_differs_here_is_shown(width: int) -> None:
    invoice = Invoice("in_1", "A-1", "paid", "cus_1", "jpy", 1250, 1250, 0, "2026-10-01T00:00:00+00:00")
    text = printed(InvoicesView([ListedInvoice(invoice, "co_1", KnownInvoice(("co_1",), "open"))], full=True), width)
    assert all(
        word in text
        for word in (
            "2026-10-01",
            "1 shown, the newest first",
            "--limit",
            "in_1",
            "A-1",
            "1,250 JPY",
            "paid",
            "open",
        )
    )


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("count", [1, 3])
def test_a_plan_ends_with_how_it_is_undone(width: int, count: int) -> None:
    view = MoneyPlanView(plan(count), Gates(False, False), lambda text: text.replace("billing", "billing --env-file e"))
    text = " ".join(printed(view, width).split())
    assert text.index("Mind the gap.") < text.index("A refund cannot be taken back.") < text.index("Gates")
    assert text.count("A refund cannot be taken back.") == 1
    one = "billing --env-file e adjust co_1 charge --amount 1234567.89 --currency usd"
    assert ((one in text), ("The command of each is in --json." in text)) == (count == 1, count == 3)


def test_the_document_has_the_undo_of_every_action_and_the_digest_does_not() -> None:
    made = plan(3)
    document: Any = money_plan_document(made, Gates(False, False))
    commands = [one["undo"]["command"] for one in document["actions"]]
    assert len(set(commands)) == 3
    assert "undo" not in json.dumps(made.changes)
