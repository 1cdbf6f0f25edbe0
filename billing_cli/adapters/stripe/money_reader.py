"""Reads payments, customers and invoices: what is looked at before money is moved by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.movements.rooms import room_of
from billing_cli.adapters.stripe.reader import read_identity
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.adapters.stripe.refunds import refund_of
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.adjustment import CustomerFacts
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import IntentKind
from billing_cli.domain.invoice import IN_FLIGHT, Credit, CreditNotePreview, Invoice, PaymentInFlight
from billing_cli.domain.money import Money
from billing_cli.domain.movement import VOID
from billing_cli.domain.payment import Dispute, Payment, PaymentLinks, Refund
from billing_cli.domain.standing import Standing


class StripeMoneyReader:
    """GET requests only."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.reader()

    def identity(self) -> StripeIdentity:
        return read_identity(self._stripe, self._key)

    def payment(self, payment_intent_id: str) -> Payment:
        """The payment and its latest charge, read in one call; disputes in a second where there are any."""
        expand = {"expand": ["latest_charge.balance_transaction"]}
        intent = read(lambda: self._stripe.v1.payment_intents.retrieve(payment_intent_id, cast(Any, expand)))
        charge = intent.latest_charge
        if not isinstance(charge, stripe.Charge):
            raise BadInput(
                f"Payment {payment_intent_id} was never charged (its status is {intent.status}).",
                "There is nothing to give back.",
            )
        return Payment(
            payment_intent_id=intent.id,
            status=charge.status,
            currency=charge.currency,
            customer_id=_id(intent.customer),
            captured_minor=charge.amount_captured if charge.status == "succeeded" else 0,
            refunded_minor=charge.amount_refunded,
            fee=_fee(charge),
            disputes=self._disputes(charge.id) if charge.disputed else (),
            paid_at=datetime.fromtimestamp(charge.created, UTC),
            method=_method(charge),
        )

    def payment_of_charge(self, charge_id: str) -> str:
        """See `billing_cli.domain.ports.MoneyReader.payment_of_charge`."""
        charge = read(lambda: self._stripe.v1.charges.retrieve(charge_id))
        payment_intent_id = _id(charge.payment_intent)
        if charge.status == "failed":
            raise BadInput(f"Charge {charge_id} failed: there is nothing to give back.", "Check the id.")
        if payment_intent_id is None:
            raise BadInput(f"Charge {charge_id} belongs to no payment intent.", "Refund it in Stripe's Dashboard.")
        return payment_intent_id

    def _disputes(self, charge_id: str) -> tuple[Dispute, ...]:
        found = read(lambda: self._stripe.v1.disputes.list({"charge": charge_id, "limit": PAGE}))
        return tuple(Dispute(each.status, each.amount, each.is_charge_refundable) for each in found.data)

    def links(self, payment_intent_id: str) -> PaymentLinks:
        """The customer and the invoice; since API version 2025-03-31 only invoice payments name the invoice."""
        intent = read(lambda: self._stripe.v1.payment_intents.retrieve(payment_intent_id))
        payment: Any = {"type": "payment_intent", "payment_intent": payment_intent_id}
        about: Any = {"payment": payment, "status": "paid", "limit": 1}
        found = read(lambda: self._stripe.v1.invoice_payments.list(about))
        return PaymentLinks(_id(intent.customer), _id(found.data[0].invoice) if found.data else None)

    def customer(self, customer_id: str) -> CustomerFacts:
        customer = read(lambda: self._stripe.v1.customers.retrieve(customer_id))
        if getattr(customer, "deleted", False):
            raise BadInput(f"Customer {customer_id} was deleted in Stripe.", "Correct billing_companies.")
        # Ended ones are not among them.
        subscriptions = read(lambda: self._stripe.v1.subscriptions.list({"customer": customer_id, "limit": PAGE}))
        return CustomerFacts(
            customer_id=customer_id,
            balance_minor=customer.balance or 0,
            currency=customer.currency,
            subscribed=frozenset(subscription.currency for subscription in subscriptions.data),
            drafts=tuple(self.invoices(customer_id, "draft", PAGE)),
            newest_line=self.newest_line(customer_id),
        )

    def balance_minor(self, customer_id: str) -> int:
        """Of the customer; a negative one is a credit."""
        return read(lambda: self._stripe.v1.customers.retrieve(customer_id)).balance or 0

    def newest_line(self, customer_id: str) -> str | None:
        """Of the lines on drafts, and those that wait for one."""
        filters: Any = {"customer": customer_id, "limit": 1}
        found = read(lambda: self._stripe.v1.invoice_items.list(filters))
        return found.data[0].id if found.data else None

    def newest_grant(self, customer_id: str) -> str | None:
        """See `billing_cli.domain.ports.MoneyReader.newest_grant`."""
        filters: Any = {"customer": customer_id, "limit": 1}
        found = read(lambda: self._stripe.v1.billing.credit_grants.list(filters))
        return found.data[0].id if found.data else None

    def standing(self, kind: IntentKind, subject: str, request: Mapping[str, Any]) -> Standing:
        """See `billing_cli.domain.ports.MoneyReader.standing`."""
        return room_of(kind).standing(self, subject, request)

    def invoice(self, invoice_id: str) -> Invoice:
        return invoice_of(read(lambda: self._stripe.v1.invoices.retrieve(invoice_id)))

    def in_flight(self, invoice_id: str) -> tuple[PaymentInFlight, ...]:
        """See `billing_cli.domain.ports.MoneyReader.in_flight`."""
        filters: Any = {"invoice": invoice_id, "status": "open", "limit": PAGE}
        found = read(lambda: list(self._stripe.v1.invoice_payments.list(filters).auto_paging_iter()))
        names = [name for one in found if (name := _id(getattr(one.payment, "payment_intent", None)))]
        payments = map(self._progress_of, names)
        return tuple(payment for payment in payments if payment.status in IN_FLIGHT)

    def _progress_of(self, payment_intent_id: str) -> PaymentInFlight:
        intent = read(lambda: self._stripe.v1.payment_intents.retrieve(payment_intent_id))
        return PaymentInFlight(intent.id, intent.status, Money(intent.amount, intent.currency))

    def invoices(self, customer_id: str | None, status: str | None, limit: int) -> list[Invoice]:
        """The latest first, at most `limit`."""
        filters: Any = {"limit": min(limit, PAGE)}
        filters |= {"customer": customer_id} if customer_id else {}
        filters |= {"status": status} if status else {}

        def load() -> list[Invoice]:
            found = self._stripe.v1.invoices.list(filters).auto_paging_iter()
            return [invoice_of(invoice) for invoice, _ in zip(found, range(limit), strict=False)]

        return read(load)

    def credit_note_preview(self, request: Mapping[str, object]) -> CreditNotePreview:
        """Raises BadInput with Stripe's words where it would not take the credit note."""
        wanted = {
            name: request[name] for name in ("invoice", "amount", "refund_amount", "credit_amount") if name in request
        }
        note = read(lambda: self._stripe.v1.credit_notes.preview(cast(Any, wanted)))
        tax = sum(part.amount for part in note.total_taxes or [])
        return CreditNotePreview(
            Money(note.total, note.currency), Money(tax, note.currency), Money(note.post_payment_amount, note.currency)
        )

    def refunds(self, payment_intent_id: str) -> list[Refund]:
        """All refunds of a payment, newest first."""
        filters: Any = {"payment_intent": payment_intent_id, "limit": PAGE}
        return read(lambda: [refund_of(r) for r in self._stripe.v1.refunds.list(filters).auto_paging_iter()])

    def refunds_of_invoice(self, invoice_id: str) -> list[Refund]:
        """See `billing_cli.domain.ports.MoneyReader.refunds_of_invoice`."""
        names = self.payments_of_invoice(invoice_id)
        return [refund for name in names for refund in self.refunds(name) if refund.counts]

    def payments_of_invoice(self, invoice_id: str) -> list[str]:
        """Payments that gave something to it, by their payment intents."""
        paid = self._invoice_payments({"invoice": invoice_id})
        names = (_id(getattr(each.payment, "payment_intent", None)) for each in paid)
        return [name for name in dict.fromkeys(names) if name]

    def invoices_of_payment(self, payment_intent_id: str) -> list[str]:
        """Invoices that it gave something to."""
        paid = self._invoice_payments({"payment": {"type": "payment_intent", "payment_intent": payment_intent_id}})
        return [name for name in dict.fromkeys(_id(each.invoice) for each in paid) if name]

    def _invoice_payments(self, about: Mapping[str, object]) -> list[stripe.InvoicePayment]:
        filters: Any = {**about, "status": "paid", "limit": PAGE}
        return read(lambda: list(self._stripe.v1.invoice_payments.list(filters).auto_paging_iter()))

    def credits_of_invoice(self, invoice_id: str) -> list[Credit]:
        """See `billing_cli.domain.ports.MoneyReader.credits_of_invoice`."""
        filters: Any = {"invoice": invoice_id, "limit": PAGE}
        notes = read(lambda: list(self._stripe.v1.credit_notes.list(filters).auto_paging_iter()))
        found = [(note, note.amount - sum(part.amount_refunded for part in note.refunds)) for note in notes]
        return [
            Credit(note.id, Money(left, note.currency), _instant(note.created))
            for note, left in found
            if left > 0 and note.status != VOID
        ]

    def refund(self, refund_id: str) -> Refund:
        return refund_of(read(lambda: self._stripe.v1.refunds.retrieve(refund_id)))

    def credit_note_refunds(self, credit_note_id: str) -> list[str]:
        note = read(lambda: self._stripe.v1.credit_notes.retrieve(credit_note_id))
        return [found for part in note.refunds if (found := _id(part.refund))]


def _id(reference: Any) -> str | None:
    """The id of what may be expanded."""
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def _method(charge: stripe.Charge) -> str | None:
    """Such as `sepa_debit`, or `card, visa`."""
    details = getattr(charge, "payment_method_details", None)
    if details is None:
        return None
    brand = getattr(getattr(details, "card", None), "brand", None)
    return f"{details.type}, {brand}" if brand else str(details.type)


def _fee(charge: stripe.Charge) -> Money | None:
    transaction = charge.balance_transaction
    if not isinstance(transaction, stripe.BalanceTransaction):
        return None
    return Money(transaction.fee, transaction.currency)


def invoice_of(invoice: stripe.Invoice) -> Invoice:
    return Invoice(
        invoice_id=invoice.id or "",
        number=invoice.number,
        status=invoice.status or "",
        customer_id=_id(invoice.customer),
        currency=invoice.currency,
        total_minor=invoice.total,
        amount_paid_minor=invoice.amount_paid,
        amount_remaining_minor=invoice.amount_remaining,
        created_at=_instant(invoice.created),
        credited_minor=(invoice.pre_payment_credit_notes_amount or 0) + (invoice.post_payment_credit_notes_amount or 0),
        collection_method=invoice.collection_method,
        attempts=invoice.attempt_count,
        next_attempt_at=_instant(invoice.next_payment_attempt) if invoice.next_payment_attempt else None,
    )


def _instant(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat()
