"""Manual charges and credits: where they go, why there, and what is different afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from billing_cli.domain.company import Company
from billing_cli.domain.credit_grant import PLAIN_TERMS, GrantTerms, grant_facts, grant_request
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action, Intent, IntentKind
from billing_cli.domain.invoice import CreditNotePreview, Invoice
from billing_cli.domain.money import Money
from billing_cli.domain.payment import Refund
from billing_cli.domain.standing import Standing


class Direction(StrEnum):
    """A charge is added to what the customer owes, a credit is taken off."""

    CHARGE = "charge"
    CREDIT = "credit"


class Instrument(StrEnum):
    """What Stripe makes of it."""

    INVOICE_ITEM = "invoice-item"
    BALANCE = "balance"
    CREDIT_NOTE = "credit-note"
    CREDIT_GRANT = "credit-grant"


_KINDS = {
    Instrument.INVOICE_ITEM: IntentKind.INVOICE_ITEM,
    Instrument.BALANCE: IntentKind.BALANCE,
    Instrument.CREDIT_NOTE: IntentKind.CREDIT_NOTE,
    Instrument.CREDIT_GRANT: IntentKind.CREDIT_GRANT,
}


@dataclass(frozen=True)
class AdjustRequest:
    """What the operator asked for; without `instrument` the facts decide. `grant` are the terms of a credit grant."""

    company_id: str
    direction: Direction
    money: Money
    reason: str
    instrument: Instrument | None = None
    invoice_id: str | None = None
    grant: GrantTerms = PLAIN_TERMS


@dataclass(frozen=True)
class CustomerFacts:
    """The customer in Stripe. A negative balance is a credit, taken off the next invoice.

    `currency` is the default one and that of the balance; None while nothing was ever billed. Invoices may have others.
    `subscribed` are the currencies of its subscriptions. `newest_line` is the newest line that waits for an invoice,
    `newest_grant` the newest credit grant, if that was asked.
    """

    customer_id: str
    balance_minor: int
    currency: str | None
    subscribed: frozenset[str]
    drafts: tuple[Invoice, ...]
    newest_line: str | None = None
    newest_grant: str | None = None

    @property
    def balance_standing(self) -> Standing:
        return {"balance in minor units": self.balance_minor}

    def line_standing(self, draft: Invoice | None) -> Standing:
        """Of the lines for the next invoice, or for the draft that takes one."""
        return {"newest line": self.newest_line, **(draft.standing if draft else {})}


@dataclass(frozen=True)
class Choice:
    """The instrument, the invoice it touches (if any), and why."""

    instrument: Instrument
    invoice: Invoice | None
    why: str


def choose(request: AdjustRequest, customer: CustomerFacts, invoice: Invoice | None) -> Choice:
    """The instrument, chosen by the invoice's state unless the operator did. Raises BadInput where none fits."""
    choice = _chosen(request, customer, invoice)
    _check_fits(request, choice)
    return choice


def _chosen(request: AdjustRequest, customer: CustomerFacts, invoice: Invoice | None) -> Choice:
    if request.instrument is not None:
        target = invoice or (_draft(request, customer) if request.instrument is Instrument.INVOICE_ITEM else None)
        return Choice(request.instrument, target, "you asked for it")
    if invoice is not None:
        return _by_invoice(request, invoice)
    if draft := _draft(request, customer):
        return Choice(Instrument.INVOICE_ITEM, draft, f"draft {draft.invoice_id} can still be changed")
    if request.direction is Direction.CREDIT:
        return Choice(Instrument.BALANCE, None, "no draft is open; a balance is taken off the next invoice by itself")
    return Choice(Instrument.INVOICE_ITEM, None, "no draft is open; the line waits for the next invoice")


def _by_invoice(request: AdjustRequest, invoice: Invoice) -> Choice:
    if invoice.status == "draft":
        return Choice(Instrument.INVOICE_ITEM, invoice, "a draft can still be changed")
    if request.direction is Direction.CREDIT:
        return Choice(Instrument.CREDIT_NOTE, invoice, f"it is {invoice.status}: only a credit note corrects it")
    return Choice(
        Instrument.INVOICE_ITEM, None, f"{invoice.invoice_id} is {invoice.status} and takes no lines any more"
    )


def _draft(request: AdjustRequest, customer: CustomerFacts) -> Invoice | None:
    """The one draft in this currency; with several, the operator has to say which."""
    drafts = [draft for draft in customer.drafts if draft.currency == request.money.currency]
    if len(drafts) > 1 and request.invoice_id is None:
        raise BadInput(
            f"{request.company_id} has {len(drafts)} drafts: {', '.join(draft.invoice_id for draft in drafts)}.",
            "Name one with --invoice, or choose --as balance.",
        )
    return drafts[0] if drafts else None


def _check_fits(request: AdjustRequest, choice: Choice) -> None:
    invoice = choice.invoice
    if invoice is not None and invoice.currency != request.money.currency:
        raise BadInput(f"Invoice {invoice.invoice_id} is in {invoice.currency.upper()}.", "Use its currency.")
    if choice.instrument is Instrument.CREDIT_NOTE:
        if invoice is None:
            raise BadInput("A credit note corrects an invoice.", "Name it with --invoice in_….")
        if request.direction is Direction.CHARGE:
            raise BadInput("A credit note cannot charge.", "Use --as invoice-item or --as balance.")
        if invoice.status not in ("open", "paid"):
            raise BadInput(
                f"Invoice {invoice.invoice_id} is {invoice.status}: credit notes are for open and paid ones.",
                "Use --as invoice-item." if invoice.status == "draft" else "Use --as balance.",
            )
    if choice.instrument is Instrument.CREDIT_GRANT and request.direction is Direction.CHARGE:
        raise BadInput("A credit grant cannot charge.", "Use --as invoice-item or --as balance.")
    if choice.instrument is not Instrument.CREDIT_GRANT and request.grant != PLAIN_TERMS:
        raise BadInput("--expires and --price are for credit grants.", "Add --as credit-grant, or leave them out.")
    belongs = {Instrument.BALANCE: "A balance", Instrument.CREDIT_GRANT: "A credit grant"}.get(choice.instrument)
    if belongs and request.invoice_id is not None:
        raise BadInput(f"{belongs} belongs to the customer, not to an invoice.", "Leave --invoice out.")
    if choice.instrument is Instrument.INVOICE_ITEM and invoice is not None and invoice.status != "draft":
        raise BadInput(
            f"Invoice {invoice.invoice_id} is {invoice.status} and takes no lines any more.",
            "Leave --invoice out for a line on the next one, or use --as credit-note.",
        )


def adjust_action(
    request: AdjustRequest,
    company: Company,
    customer: CustomerFacts,
    choice: Choice,
    preview: CreditNotePreview | None,
) -> Action:
    """The action. `preview` is Stripe's, for a credit note. Raises BadInput for another currency."""
    money = request.money
    _check_currency(money.currency, company, customer, choice)
    signed = money.amount_minor if request.direction is Direction.CHARGE else -money.amount_minor
    kind, subject, parameters = _request(request, customer, choice, signed, preview)
    return Action(
        kind=kind,
        company_id=company.company_id,
        subject=subject,
        money=money,
        in_favour_of_company=request.direction is Direction.CREDIT,
        request=parameters,
        reason=request.reason,
        note=None,
        facts=_facts(request, company, customer, choice, signed, preview),
        touches=tuple(dict.fromkeys(name for name in (customer.customer_id, request.invoice_id) if name)),
        seen=_standing(customer, choice),
    )


def _check_currency(currency: str, company: Company, customer: CustomerFacts, choice: Choice) -> None:
    """Raises BadInput where no invoice would ever take it: a customer may have invoices in several currencies."""
    if customer.currency in (None, currency) or choice.invoice is not None:
        return  # `choose` has compared the invoice's
    if choice.instrument in (Instrument.INVOICE_ITEM, Instrument.CREDIT_GRANT) and currency in customer.subscribed:
        return
    known = ", ".join(sorted(each.upper() for each in customer.subscribed | {customer.currency or ""}))
    if choice.instrument is Instrument.BALANCE:
        known = f"{(customer.currency or '').upper()}, and so is the balance"
    raise BadInput(
        f"{company.company_id} is billed in {known}.",
        f"Add --currency {customer.currency}, or name an invoice in {currency.upper()} with --invoice.",
    )


def _standing(customer: CustomerFacts, choice: Choice) -> Standing:
    match choice.instrument:
        case Instrument.BALANCE:
            return customer.balance_standing
        case Instrument.INVOICE_ITEM:
            return customer.line_standing(choice.invoice)
        case Instrument.CREDIT_NOTE:
            assert choice.invoice is not None  # noqa: S101 - choose() has seen to it
            return choice.invoice.standing
        case Instrument.CREDIT_GRANT:
            return {"newest credit grant": customer.newest_grant}
        case _:
            assert_never(choice.instrument)


def warnings(request: AdjustRequest, customer: CustomerFacts, choice: Choice) -> Sequence[str]:
    if request.money.currency in customer.subscribed:
        return ()
    which = f" in {request.money.currency.upper()}" if customer.subscribed else ""
    if choice.instrument is Instrument.INVOICE_ITEM and choice.invoice is None:
        return (
            f"The customer has no subscription{which}, so no invoice comes by itself: make one in Stripe with "
            "pending_invoice_item_behavior=include.",
        )
    if choice.instrument is Instrument.CREDIT_GRANT:
        return (f"The customer has no subscription{which}: only metered prices of invoices use a credit grant.",)
    return ()


def is_asked_by(request: AdjustRequest, intent: Intent) -> bool:
    """Whether an open intent is what the operator asks for. Without an instrument or an invoice, any of them is."""
    if intent.command != "adjust" or (intent.money, intent.reason) != (request.money, request.reason):
        return False
    if intent.in_favour_of_company != (request.direction is Direction.CREDIT):
        return False
    if request.instrument is not None and intent.kind is not _KINDS[request.instrument]:
        return False
    if request.invoice_id is not None and intent.request.get("invoice") != request.invoice_id:
        return False
    wanted = grant_request(intent.subject, request.money, request.reason, request.grant)
    return intent.kind is not IntentKind.CREDIT_GRANT or intent.request == wanted


def _request(
    request: AdjustRequest, customer: CustomerFacts, choice: Choice, signed: int, preview: CreditNotePreview | None
) -> tuple[IntentKind, str, dict[str, object]]:
    """The kind, the subject that may have one open intent, and Stripe's parameters."""
    customer_id = customer.customer_id
    common: dict[str, object] = {"amount": signed, "currency": request.money.currency, "description": request.reason}
    match choice.instrument:
        case Instrument.BALANCE:
            return IntentKind.BALANCE, customer_id, {"customer": customer_id, **common}
        case Instrument.INVOICE_ITEM:
            target = {"invoice": choice.invoice.invoice_id} if choice.invoice else {}
            return IntentKind.INVOICE_ITEM, customer_id, {"customer": customer_id, **common, **target}
        case Instrument.CREDIT_NOTE:
            assert choice.invoice is not None and preview is not None  # noqa: S101 - choose() has seen to it
            name = choice.invoice.invoice_id
            return IntentKind.CREDIT_NOTE, name, _credit_note(request, name, preview)
        case Instrument.CREDIT_GRANT:
            parameters = grant_request(customer_id, request.money, request.reason, request.grant)
            return IntentKind.CREDIT_GRANT, customer_id, parameters
        case _:
            assert_never(choice.instrument)


def _credit_note(request: AdjustRequest, invoice_id: str, preview: CreditNotePreview) -> dict[str, object]:
    after_payment = preview.post_payment.amount_minor
    return {
        "invoice": invoice_id,
        "amount": request.money.amount_minor,
        **({"credit_amount": after_payment} if after_payment else {}),
        "memo": request.reason,
        "email_type": "none",
    }


def _facts(
    request: AdjustRequest,
    company: Company,
    customer: CustomerFacts,
    choice: Choice,
    signed: int,
    preview: CreditNotePreview | None,
) -> Mapping[str, object]:
    currency = request.money.currency
    facts: dict[str, object] = {
        "company": company.company_id,
        "name": company.name,
        "customer": customer.customer_id,
        request.direction.value: request.money,
        "as": choice.instrument.value,
        "because": choice.why,
        "invoice": choice.invoice.invoice_id if choice.invoice else None,
    }
    match choice.instrument:
        case Instrument.BALANCE:
            return facts | {
                "balance before": Money(customer.balance_minor, currency),
                "balance after": Money(customer.balance_minor + signed, currency),
            }
        case Instrument.CREDIT_NOTE:
            assert choice.invoice is not None and preview is not None  # noqa: S101 - choose() has seen to it
            return facts | {
                "invoice total": choice.invoice.total,
                "credited so far": Money(choice.invoice.credited_minor, currency),
                "credit note": preview.total,
                "tax in it": preview.tax,
                "to the customer's balance": preview.post_payment,
            }
        case Instrument.CREDIT_GRANT:
            return {**facts, **grant_facts(request.grant), "newest credit grant before": customer.newest_grant}
        case Instrument.INVOICE_ITEM:
            return {**facts, "newest line before": customer.newest_line, **_draft_facts(choice.invoice, signed)}
        case _:
            assert_never(choice.instrument)


def _draft_facts(draft: Invoice | None, signed: int) -> Mapping[str, object]:
    if draft is None:
        return {}
    return {"draft before": draft.total, "draft after, before tax": Money(draft.total_minor + signed, draft.currency)}


def refunds_text(refunds: Sequence[Refund]) -> str:
    """Such as `2.50 USD (re_1, 2026-11-03)`, the newest first."""
    return ", ".join(f"{each.money.text} ({each.refund_id}, {each.created_at[:10]})" for each in refunds)


def beside_refunds(request: AdjustRequest, refunds: Sequence[Refund]) -> str:
    """Why a credit needs its plan named."""
    return (
        f"Of invoice {request.invoice_id} money was refunded before: {refunds_text(refunds)}. "
        "A credit beside it is carried out only when this plan is named by its digest."
    )
