"""Invoices as Stripe has them, beside our own rows."""

from dataclasses import dataclass
from enum import StrEnum

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput
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
    """Amounts are in minor units of `currency`, `credited_minor` by credit notes; instants in ISO 8601, UTC.

    `collection_method`, `attempts` and `next_attempt_at` tell how Stripe collects it: by charging, so many times, and
    when again, if it will.
    """

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
    collection_method: str = ""
    attempts: int = 0
    next_attempt_at: str | None = None

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
class PaymentInFlight:
    """A payment of an invoice that may still succeed, by Stripe's status of its payment intent."""

    payment_intent_id: str
    status: str
    money: Money


# Of a payment intent that its customer or bank may still complete.
IN_FLIGHT = frozenset({"processing", "requires_action", "requires_capture"})


@dataclass(frozen=True)
class Credit:
    """The part of a credit note that was not given back as a refund: off the invoice, or to the balance."""

    credit_note_id: str
    money: Money
    created_at: str


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
