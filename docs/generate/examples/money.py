"""A refund above the limit for one person, a credit on a paid invoice, and approvals."""

from dataclasses import replace
from datetime import UTC, datetime

from billing_cli.domain.adjustment import AdjustRequest, CustomerFacts, Direction, adjust_action, choose
from billing_cli.domain.approval import Approval, Signer, Terms
from billing_cli.domain.company import Company
from billing_cli.domain.intent import Action, Intent, IntentKind, IntentState
from billing_cli.domain.invoice import CreditNotePreview, Invoice
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money import Money
from billing_cli.domain.money_plan import Known, MoneyPlan, Wishes, money_plan
from billing_cli.domain.payment import Payment
from billing_cli.domain.refund import RefundFacts, RefundLine, RefundReason, Via, refund_action, warnings
from examples import TEST

COMPANY = Company("co_0001", "Ana & Söhne", "cus_RtQ8dDUq3ZbNvW")
PAID_AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
PAYMENT = Payment(
    "pi_3QabcdefghijklmnopqrstuvW", "succeeded", "usd", COMPANY.customer, 129_900, 10_000, Money(3797, "usd"),
    invoice_id="in_1QmnopqrstuvwxyzABCDEFgh", paid_at=PAID_AT, method="card, visa",
)  # fmt: skip
INVOICE = Invoice(
    "in_1QmnopqrstuvwxyzABCDEFgh", "ANA-0042", "paid", COMPANY.customer, "usd", 129_900, 129_900, 0,
    "2026-11-01T04:00:00+00:00",
)  # fmt: skip
LIMITS = CommandLimits(approve_above={"usd": 50_000}, per_command={"usd": 500_000})
REFUND_WORDS = ["refund", "co_0001", PAYMENT.payment_intent_id, "--amount", "649.50", "--reason", "duplicate"]


def refund_plan() -> MoneyPlan:
    line = RefundLine(PAYMENT.payment_intent_id, RefundReason.DUPLICATE, COMPANY.company_id, amount="649.50")
    facts = RefundFacts(PAYMENT, (COMPANY.company_id,), COMPANY)
    action = refund_action(line, Money(64_950, "usd"), facts, Via.REFUND)
    found = warnings([line], {PAYMENT.payment_intent_id: facts}, Via.REFUND, PAID_AT)
    return money_plan("refund", {}, TEST, Wishes((action,), warnings=tuple(found)), Known((), {}), LIMITS, {})


def refunds_plan() -> MoneyPlan:
    """Of a file, one line of it begun before."""
    actions = tuple(_refund(number) for number in range(3))
    return money_plan("refund", {}, TEST, Wishes(actions, settles=(intent(),)), Known((), {}), CommandLimits(), {})


def adjust_plan() -> MoneyPlan:
    request = AdjustRequest(
        "co_0001", Direction.CREDIT, Money(4_800, "usd"), "Outage of 2026-10-12", invoice_id=INVOICE.invoice_id
    )
    customer = CustomerFacts(COMPANY.customer, -1_250, "usd", frozenset({"usd"}), ())
    preview = CreditNotePreview(Money(4_800, "usd"), Money(766, "usd"), Money(4_800, "usd"))
    action = adjust_action(request, COMPANY, customer, choose(request, customer, INVOICE), preview)
    return money_plan("adjust", {}, TEST, Wishes((action,)), Known((), {}), CommandLimits(), {})


def intent() -> Intent:
    return Intent(
        intent_id="int_20261101_042159_da49265ad121d756", command="refund", kind=IntentKind.REFUND,
        company_id="co_0002", subject="pi_3QzyxwvutsrqponmlkjihgfeZ", money=Money(1250, "usd"),
        in_favour_of_company=True, request={}, reason="duplicate", note=None, source_key=None,
        state=IntentState.SENDING, actor="ana", opened_at="2026-11-01T04:21:59+00:00", age_s=300, sent_age_s=299,
        attempts=1, claimed_by=None, claim_left_s=0, settled_at=None, stripe_object_id=None, stripe_status=None,
        request_id=None, error=None, stripe_account_id=TEST.account_id, livemode=False,
    )  # fmt: skip


def approvals() -> list[Approval]:
    usable = Approval(
        Terms("apr_0123456789abcdef01234567", refund_plan().digest, Signer("ana", "SHA256:a"),
              "2026-11-02T09:00:00+00:00"),
        Signer("bob", "SHA256:b"), "", "refund", TEST.account_id, False, "usable", "2026-11-01T09:00:00+00:00", None,
        None,
    )  # fmt: skip
    used = replace(
        usable, terms=replace(usable.terms, approval_id="apr_89abcdef0123456789abcdef", digest=adjust_plan().digest),
        command="adjust", state="used", used_for=intent().intent_id,
    )  # fmt: skip
    return [usable, used, replace(usable, terms=replace(usable.terms, approval_id="apr_fedcba98"), state="revoked")]


def _refund(number: int) -> Action:
    money = Money(12_345_678 + number, "usd")
    facts: dict[str, object] = {"refund now": money, "remaining after": Money(1, "usd")}
    subject = f"{PAYMENT.payment_intent_id[:-1]}{number}"
    return Action(IntentKind.REFUND, "co_0001", subject, money, True, {}, "requested_by_customer", None, facts, (), {})
