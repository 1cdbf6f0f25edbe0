"""Invoices as Stripe has them, and what may still be done with one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action, IntentKind
from billing_cli.domain.money import Money
from billing_cli.domain.standing import Standing, amounts


class InvoiceStatus(StrEnum):
    """Stripe's own."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


@dataclass(frozen=True)
class Invoice:
    """Amounts are in minor units of `currency`, `credited_minor` by credit notes; `created_at` in ISO 8601, UTC."""

    invoice_id: str
    number: str | None
    status: str
    customer_id: str | None
    currency: str
    total_minor: int
    amount_paid_minor: int
    amount_remaining_minor: int
    created_at: str
    credited_minor: int = 0

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def standing(self) -> Standing:
        """A draft's amounts move with usage, and are left out."""
        if self.status == "draft":
            return {"status": self.status}
        return {"status": self.status} | amounts(
            self.currency,
            total=self.total_minor,
            paid_so_far=self.amount_paid_minor,
            remaining=self.amount_remaining_minor,
            credited_so_far=self.credited_minor,
        )


@dataclass(frozen=True)
class CreditNotePreview:
    """What Stripe says a credit note would be: how much of it is tax, and how much falls after the payment."""

    total: Money
    tax: Money
    post_payment: Money


@dataclass(frozen=True)
class KnownInvoice:
    """The deployment's own row. `status` is None where it has none."""

    company_ids: tuple[str, ...] = ()
    status: str | None = None


@dataclass(frozen=True)
class ListedInvoice:
    """An invoice in Stripe beside what we have of it; `company_id` is None for a customer of nobody."""

    invoice: Invoice
    company_id: str | None
    known: KnownInvoice


def check_owner(invoice: Invoice, company: Company, known: KnownInvoice) -> None:
    """Raises BadInput where the invoice is not the company's, by Stripe's customer or by our own row."""
    if invoice.customer_id != company.customer or any(owner != company.company_id for owner in known.company_ids):
        raise BadInput(f"Invoice {invoice.invoice_id} is not an invoice of {company.company_id}.", "Check both ids.")


def mark_paid_action(invoice: Invoice, company: Company, known: KnownInvoice, reason: str) -> Action:
    """Marks an invoice as paid outside of Stripe, there and here. Raises BadInput where that makes no sense.

    An invoice that Stripe has as paid and we do not is brought up to date here.
    """
    check_owner(invoice, company, known)
    paid_there, paid_here = invoice.status == "paid", known.status == "paid"
    if paid_there and (paid_here or known.status is None):
        raise BadInput(f"Invoice {invoice.invoice_id} is paid already, in Stripe and here.")
    if invoice.status not in ("open", "uncollectible", "paid"):
        raise BadInput(
            f"Invoice {invoice.invoice_id} is {invoice.status}: only open or uncollectible ones can be marked paid.",
            "Finalize a draft in Stripe first." if invoice.status == "draft" else "",
        )
    amount = Money(invoice.total_minor if paid_there else invoice.amount_remaining_minor, invoice.currency)
    return Action(
        kind=IntentKind.MARK_PAID,
        company_id=company.company_id,
        subject=invoice.invoice_id,
        money=amount,
        in_favour_of_company=True,
        request={"invoice": invoice.invoice_id, "paid_out_of_band": True},
        reason=reason,
        note=None,
        facts=_facts(invoice, company, known, amount),
        touches=(invoice.invoice_id, company.customer),
        seen=invoice.standing,
    )


def _facts(invoice: Invoice, company: Company, known: KnownInvoice, amount: Money) -> Mapping[str, object]:
    return {
        "company": company.company_id,
        "name": company.name,
        "customer": invoice.customer_id,
        "invoice": invoice.invoice_id,
        "number": invoice.number,
        "total": invoice.total,
        "paid so far": Money(invoice.amount_paid_minor, invoice.currency),
        "paid outside": amount,
        "in Stripe": f"{invoice.status} → paid",
        "here": f"{known.status} → paid" if known.status else "no row",
    }
