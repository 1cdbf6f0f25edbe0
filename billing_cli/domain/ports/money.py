"""Payments and invoices at Stripe, as they are read and moved."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.adjustment import CustomerFacts
from billing_cli.domain.intent import Intent, IntentKind, MoveResult
from billing_cli.domain.invoice import Credit, CreditNotePreview, Invoice, PaymentInFlight
from billing_cli.domain.invoice_file import LinkedInvoice
from billing_cli.domain.payment import Payment, PaymentLinks, Refund
from billing_cli.domain.permit import Permit
from billing_cli.domain.standing import Standing


class MoneyReader(Protocol):
    """What is read from Stripe before money is moved by hand: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def payment(self, payment_intent_id: str) -> Payment:
        """Raises BadInput for a payment that Stripe does not know, or that was never charged."""
        ...

    def payment_of_charge(self, charge_id: str) -> str:
        """The id of its payment intent. Raises BadInput for a charge that failed or belongs to none."""
        ...

    def links(self, payment_intent_id: str) -> PaymentLinks:
        """Read them before a payment's facts: their marks guard these. Raises BadInput for an unknown payment."""
        ...

    def customer(self, customer_id: str) -> CustomerFacts: ...

    def newest_grant(self, customer_id: str) -> str | None:
        """The newest credit grant of a customer, void and expired ones too."""
        ...

    def invoice(self, invoice_id: str) -> Invoice: ...

    def in_flight(self, invoice_id: str) -> tuple[PaymentInFlight, ...]:
        """The payments of an invoice that may still succeed."""
        ...

    def invoices(self, customer_id: str | None, status: str | None, limit: int) -> list[Invoice]: ...

    def credit_note_preview(self, request: Mapping[str, object]) -> CreditNotePreview: ...

    def standing(self, kind: IntentKind, subject: str, request: Mapping[str, Any]) -> Standing:
        """How the object that an intent of this kind changes stands now, as its plan saw it."""
        ...

    def refunds(self, payment_intent_id: str) -> list[Refund]: ...

    def refund(self, refund_id: str) -> Refund: ...

    def invoices_of_payment(self, payment_intent_id: str) -> list[str]: ...

    def payments_of_invoice(self, invoice_id: str) -> list[str]: ...

    def refunds_of_invoice(self, invoice_id: str) -> list[Refund]:
        """Of all payments of an invoice; those that failed are not among them."""
        ...

    def credits_of_invoice(self, invoice_id: str) -> list[Credit]: ...

    def credit_note_refunds(self, credit_note_id: str) -> list[str]:
        """The ids of the refunds that a credit note made; they do not carry its name."""
        ...


class MoneyMover(Protocol):
    """Carries an intent out in Stripe. Safe to be used by several threads."""

    def send(self, intent: Intent, permit: Permit, before_another_try: Callable[[], MoveResult | None]) -> MoveResult:
        """Tries under the intent's key until the outcome is known or trying is no use.

        `before_another_try` is called before each try but the first: its result, if it has one, ends the tries. The
        key alone should be enough; Stripe's lists and the object are read as well before money is sent again.

        Raises PermitExpired when the permit has run out, Misconfigured when Stripe refuses the key: then nothing can
        be sent at all.
        """
        ...

    def find(self, intent: Intent) -> MoveResult | None:
        """The outcome that Stripe's own lists prove: done, or None if nothing carries the intent's name.

        Unknown if an object carries it with another subject, amount or currency; then nothing may be sent.
        """
        ...


class InvoiceReader(Protocol):
    """Invoices with the links to their PDFs."""

    def linked(self, invoice_id: str) -> LinkedInvoice:
        """Read anew, because links expire."""
        ...

    def created_between(self, start: datetime, end: datetime, customer_id: str | None) -> list[Invoice]:
        """Every invoice but drafts, created in [start, end), oldest first."""
        ...


class PdfFetcher(Protocol):
    """Downloads an invoice's PDF without ever showing it a key."""

    def fetch(self, url: str) -> bytes:
        """Raises FoundWrong for what is no PDF or leads astray, LinkExpired, or Unavailable."""
        ...
