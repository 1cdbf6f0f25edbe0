"""A payment as Stripe has it, and whether money can go back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money
from billing_cli.domain.standing import Standing, amounts

# Money of a dispute is held or gone. Inquiries (warning_…) hold none, and a won dispute gave it back. An appeal follows
# a lost one. Source: Stripe's API reference, Dispute.status of 2026-10-28.
HOLDING_DISPUTES = frozenset({"needs_response", "under_review", "lost", "appeal_needs_response", "appeal_under_review"})
ENDED_DISPUTES = frozenset({"won", "warning_closed"})
_INQUIRIES = frozenset({"warning_needs_response", "warning_under_review"})
# They hold no money, but Stripe may take no refund any more; `is_charge_refundable` decides.
ASKED_DISPUTES = _INQUIRIES | {"prevented"}

# Methods other than cards have limits of their own, some of 180 days; this is the shortest that we know of.
# Source: https://support.stripe.com/questions/refunds-with-ach-payments
_REFUNDABLE_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Dispute:
    """Its status in Stripe's words, and the amount in minor units. `refundable`: Stripe would still take a refund."""

    status: str
    amount_minor: int
    refundable: bool

    @property
    def holds(self) -> bool:
        """Whether nothing may be given back because of it; so it is for a status that is not known here."""
        return self.status not in ENDED_DISPUTES and not (self.status in ASKED_DISPUTES and self.refundable)

    @property
    def obstacle(self) -> str:
        """Why nothing may be given back."""
        if self.status in HOLDING_DISPUTES:
            return "a refund would pay the customer twice"
        if self.status in ASKED_DISPUTES:
            return "Stripe takes no refund of it any more"
        return "this version does not know that status, and a refund might pay the customer twice"


# What a refund waits for that does not come by itself, in Stripe's words, and what to do.
_TOP_UP = (
    "it waits for money (insufficient_funds): top up the Stripe balance, and Stripe sends it by itself. It has not "
    "failed; do not give the money another way meanwhile."
)
_CUSTOMER = (
    "it waits for the customer (requires_action), whom Stripe asked by e-mail where to send the money. Remind them; "
    "without an answer it fails."
)


@dataclass(frozen=True)
class Refund:
    """A refund as Stripe has it now."""

    refund_id: str
    money: Money
    status: str
    created_at: str
    failure_reason: str | None
    pending_reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the money is given back, or on its way."""
        return self.status not in ("failed", "canceled")

    @property
    def trouble(self) -> str | None:
        """Why it failed, in Stripe's word, or what it waits for if somebody has to act; else None."""
        if self.status == "requires_action":
            return _CUSTOMER
        if self.status == "pending" and self.pending_reason == "insufficient_funds":
            return _TOP_UP
        return self.failure_reason


@dataclass(frozen=True)
class PaymentLinks:
    """The customer of a payment and the invoice that it paid; each may be None. They do not change with money."""

    customer_id: str | None
    invoice_id: str | None


@dataclass(frozen=True)
class Payment:
    """A payment intent with its charge. Amounts are in minor units of `currency`; refunds that are pending count.

    `fee` is what Stripe kept for it, in the currency of the account. `invoice_id`: what it paid, if anything.
    `method` is Stripe's word for the payment method, with the brand of a card.
    """

    payment_intent_id: str
    status: str
    currency: str
    customer_id: str | None
    captured_minor: int
    refunded_minor: int
    fee: Money | None = None
    disputes: tuple[Dispute, ...] = ()
    invoice_id: str | None = None
    paid_at: datetime | None = None
    method: str | None = None

    @property
    def remaining(self) -> Money:
        return Money(self.captured_minor - self.refunded_minor, self.currency)

    @property
    def standing(self) -> Standing:
        money = amounts(self.currency, captured=self.captured_minor, refunded_so_far=self.refunded_minor)
        disputes = sorted(f"{d.status} {Money(d.amount_minor, self.currency).text}" for d in self.disputes)
        return {"status": self.status, **money, "disputes": disputes}

    @property
    def disputed_minor(self) -> int:
        return sum(dispute.amount_minor for dispute in self.disputes if dispute.holds)

    def may_be_too_old(self, now: datetime) -> bool:
        """Whether Stripe may no longer give it back by the way it came: cards have no such limit."""
        if self.paid_at is None or self.method is None or self.method.startswith("card"):
            return False
        return now - self.paid_at > _REFUNDABLE_FOR

    @property
    def under_inquiry(self) -> bool:
        return any(dispute.status in _INQUIRIES for dispute in self.disputes)


def check_named_by_credit_note(
    payment_intent_id: str, invoices: Sequence[str], payments: Sequence[str], is_paid: bool
) -> None:
    """Raises BadInput if a credit note could give back another payment than this one, or none.

    `invoices` are those that it paid, `payments` those of its invoice, and `is_paid` says whether nothing remains of
    that: Stripe's note names an invoice only, and of an open one it lowers what remains.
    """
    if len(invoices) > 1:
        shared = f"it paid {len(invoices)} invoices: {', '.join(sorted(invoices))}"
    elif len(payments) > 1:
        shared = f"its invoice {invoices[0]} was paid by {len(payments)} payments: {', '.join(sorted(payments))}"
    elif not is_paid:
        shared = f"its invoice {invoices[0]} is paid in part only"
    else:
        return
    raise BadInput(
        f"A credit note cannot name payment {payment_intent_id}, for {shared}.",
        "Leave --via credit-note out to give back this payment, and correct the invoice with billing adjust.",
    )


def check_refundable(payment: Payment, money: Money) -> None:
    """Raises BadInput where Stripe could not give this much back. Read again right before sending."""
    name = payment.payment_intent_id
    if payment.captured_minor <= 0:
        raise BadInput(
            f"Payment {name} was not captured (its status is {payment.status}): there is nothing to give back.",
            "Cancel the payment intent in Stripe instead.",
        )
    if held := next((dispute for dispute in payment.disputes if dispute.holds), None):
        raise BadInput(
            f"Payment {name} is disputed over {Money(payment.disputed_minor, payment.currency).text} "
            f"({held.status}): {held.obstacle}.",
            "Look at the dispute in Stripe's Dashboard, and answer it there.",
        )
    remaining = payment.remaining
    if remaining.amount_minor <= 0:
        raise BadInput(f"Payment {name} is refunded already: {Money(payment.refunded_minor, payment.currency).text}.")
    if money.amount_minor > remaining.amount_minor:
        raise BadInput(
            f"{money.text} is more than remains of payment {name}: {remaining.text}.",
            "Leave --amount out to give back what remains.",
        )
