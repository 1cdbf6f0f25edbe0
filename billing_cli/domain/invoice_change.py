"""Changes of an invoice's state by hand: from which states, what is at stake, and what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action, IntentKind
from billing_cli.domain.invoice import Invoice, KnownInvoice, PaymentInFlight, check_owner
from billing_cli.domain.money import Money


@dataclass(frozen=True)
class InvoiceChange:
    """`before` are the states in Stripe that it starts from, `after` the one that it leads to, there and here.

    `done` is what the invoice is afterwards, in a sentence; `at_stake` names the amount in the plan, and `draft` is
    what to do with a draft instead, and `if_paid_too` what it comes to if a payment in flight succeeds.
    """

    kind: IntentKind
    command: str
    before: tuple[str, ...]
    after: str
    done: str
    at_stake: str
    draft: str
    if_paid_too: str
    parameters: Mapping[str, object] = field(default_factory=dict)


MARK_PAID = InvoiceChange(
    IntentKind.MARK_PAID,
    "invoices mark-paid",
    ("open", "uncollectible"),
    "paid",
    "marked paid",
    "paid outside",
    "Finalize a draft in Stripe first.",
    "the customer has paid twice",
    {"paid_out_of_band": True},
)
VOID_INVOICE = InvoiceChange(
    IntentKind.VOID_INVOICE,
    "invoices void",
    ("open", "uncollectible"),
    "void",
    "voided",
    "owed no more",
    "Delete a draft in Stripe.",
    "the customer has paid what is not owed",
)
MARK_UNCOLLECTIBLE = InvoiceChange(
    IntentKind.MARK_UNCOLLECTIBLE,
    "invoices mark-uncollectible",
    ("open",),
    "uncollectible",
    "marked uncollectible",
    "written off",
    "Delete a draft in Stripe.",
    "the invoice is paid after all",
)


@dataclass(frozen=True)
class InvoiceFacts:
    """An invoice in Stripe, its company, our own row, and the payments of it that may still succeed."""

    invoice: Invoice
    company: Company
    known: KnownInvoice
    in_flight: tuple[PaymentInFlight, ...] = ()


def change_action(change: InvoiceChange, facts: InvoiceFacts, reason: str) -> Action:
    """The action, there and here. Raises BadInput where it makes no sense.

    An invoice that Stripe has in the state already, and our row has not, is brought up to date here.
    """
    invoice, company = facts.invoice, facts.company
    check_owner(invoice, company, facts.known)
    _check_state(change, facts)
    amount = _amount(change, invoice)
    return Action(
        kind=change.kind,
        company_id=company.company_id,
        subject=invoice.invoice_id,
        money=amount,
        in_favour_of_company=True,
        request={"invoice": invoice.invoice_id, **change.parameters},
        reason=reason,
        note=None,
        facts=_facts(change, facts, amount),
        touches=(invoice.invoice_id, company.customer),
        seen=invoice.standing,
    )


def warnings(change: InvoiceChange, facts: InvoiceFacts) -> Sequence[str]:
    """A payment in flight is not stopped by a change of state."""
    return tuple(
        f"Payment {payment.payment_intent_id} of {payment.money.text} is {payment.status}: if it succeeds, "
        f"{change.if_paid_too}. Wait for it, or cancel it in Stripe first."
        for payment in facts.in_flight
    )


def _check_state(change: InvoiceChange, facts: InvoiceFacts) -> None:
    invoice, here = facts.invoice, facts.known.status
    if invoice.status == change.after:
        if here is None:
            raise BadInput(
                f"Invoice {invoice.invoice_id} is {change.after} already in Stripe; billing_invoices has no row of it."
            )
        if here == change.after:
            raise BadInput(f"Invoice {invoice.invoice_id} is {change.after} already, in Stripe and here.")
    elif invoice.status not in change.before:
        raise BadInput(
            f"Invoice {invoice.invoice_id} is {invoice.status}: only {' or '.join(change.before)} ones can be "
            f"{change.done}.",
            change.draft if invoice.status == "draft" else "",
        )


def _amount(change: InvoiceChange, invoice: Invoice) -> Money:
    """What is left to pay; of an invoice that is paid already, what Stripe has as paid."""
    minor = invoice.amount_paid_minor if invoice.status == "paid" else invoice.amount_remaining_minor
    # Nothing is left of one that a balance or a credit note settled; an intent is about something all the same.
    minor = minor or invoice.total_minor
    if minor <= 0:
        raise BadInput(f"Invoice {invoice.invoice_id} is over nothing.", "There is nothing to be changed by hand.")
    return Money(minor, invoice.currency)


def _facts(change: InvoiceChange, facts: InvoiceFacts, amount: Money) -> Mapping[str, object]:
    invoice, here = facts.invoice, facts.known.status
    there_already = invoice.status == change.after
    return {
        "company": facts.company.company_id,
        "name": facts.company.name,
        "customer": invoice.customer_id,
        "invoice": invoice.invoice_id,
        "number": invoice.number,
        "total": invoice.total,
        "paid so far": Money(invoice.amount_paid_minor, invoice.currency),
        f"{change.after} in Stripe" if there_already else change.at_stake: amount,
        "collection": invoice.collection_method,
        "attempts so far": invoice.attempts,
        "next attempt": invoice.next_attempt_at or "none",
        "payments in flight": ", ".join(map(_in_flight, facts.in_flight)) or "none",
        "in Stripe": f"{invoice.status} → {change.after}" if not there_already else f"{change.after} already",
        "here": _here(change, here),
    }


def _here(change: InvoiceChange, here: str | None) -> str:
    if here is None:
        return "no row"
    return f"{here} → {change.after}" if here != change.after else f"{change.after} already"


def _in_flight(payment: PaymentInFlight) -> str:
    return f"{payment.payment_intent_id} {payment.status} {payment.money.text}"
