"""Refunds: what the operator asked for, payment by payment, and the action that follows from the facts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action, Intent, IntentKind
from billing_cli.domain.invoice import Credit, CreditNotePreview
from billing_cli.domain.money import Money, checked, major, parse_major
from billing_cli.domain.payment import Payment, check_refundable
from billing_cli.domain.written_amount import Convention

_EXAMPLES = 3
# How the ids of charges begin; Stripe's exports name payments by them.
CHARGES = ("ch_", "py_")
FRAUDULENT_WARNING = (
    "fraudulent does more than refund: Stripe puts the card and the e-mail address on the account's block lists."
)


class RefundReason(StrEnum):
    """Stripe's own reasons; anything else goes into the note."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED = "requested_by_customer"


class Via(StrEnum):
    """A plain refund, or a credit note on the payment's invoice that refunds it."""

    REFUND = "refund"
    CREDIT_NOTE = "credit-note"


@dataclass(frozen=True)
class RefundLine:
    """One refund as asked for. Without an amount, all that remains. `amount` is in major units, as text.

    `payment_intent_id` may name one of the payment's charges until it is looked up.
    `company_id` is None only on a line of a file that leaves it to the payment's own records.
    """

    payment_intent_id: str
    reason: RefundReason
    company_id: str | None = None
    amount: str | None = None
    amount_minor: int | None = None
    note: str | None = None
    line_number: int | None = None


@dataclass(frozen=True)
class RefundFacts:
    """All that is known of one payment. `our_company_ids`: whose it is in billing_payments, maybe nobody's.

    `credits` are those of the invoice that it paid.
    """

    payment: Payment
    our_company_ids: tuple[str, ...]
    customer_company: Company | None
    preview: CreditNotePreview | None = None
    credits: tuple[Credit, ...] = ()


def wanted_money(line: RefundLine, payment: Payment) -> Money | None:
    """The amount asked for in the payment's currency; None for all that remains. Raises BadInput."""
    if line.amount is not None and line.amount_minor is not None:
        raise BadInput("Give --amount or --amount-minor, not both.")
    if line.amount is not None:
        return parse_major(line.amount, payment.currency)
    if line.amount_minor is not None:
        return checked(Money(line.amount_minor, payment.currency))
    return None


def read_amounts(
    lines: Sequence[RefundLine], currencies: Mapping[str, str], convention: Convention
) -> tuple[list[RefundLine], dict[RefundLine, BadInput]]:
    """The lines of one file with their amounts as plain numbers, and those whose amount cannot be read.

    `currencies` are by payment. Raises BadInput if an amount could be read in two ways.
    """
    errors: dict[RefundLine, BadInput] = {}
    written = [line for line in lines if line.amount is not None]
    for line in written:
        try:
            convention.agree(line.amount or "", currencies[line.payment_intent_id], line.line_number or 0, "amount")
        except BadInput as error:
            errors[line] = error
    convention.settle()

    def plain(line: RefundLine) -> RefundLine:
        if line.amount is None or line in errors:
            return line
        currency = currencies[line.payment_intent_id]
        return replace(line, amount=major(Money(convention.minor(line.amount, currency), currency)))

    return [plain(line) for line in lines], errors


def source_key(line: RefundLine, money: Money | None, via: Via) -> str | None:
    """Names the line of a file by what it asks for, so that the same line is carried out once, in any file."""
    if line.line_number is None:
        return None
    amount = money.amount_minor if money else "all"
    content = json.dumps([line.payment_intent_id, amount, line.reason.value, line.note or "", via.value])
    return f"refund-line-{hashlib.sha256(content.encode()).hexdigest()[:40]}"


def asks_for(
    line: RefundLine, money: Money | None, key: str | None, via: Via, payment: Payment, intent: Intent
) -> bool:
    """Whether an open intent is what this line asks for, so that a repetition of the line finds it done.

    Without an amount the line asks for all that remains; if nothing does, the intent may have taken it.
    """
    kind = IntentKind.CREDIT_NOTE if via is Via.CREDIT_NOTE else IntentKind.REFUND
    if (intent.kind, intent.source_key, intent.reason, intent.note) != (kind, key, line.reason.value, line.note):
        return False
    if money is not None:
        return money == intent.money
    return payment.remaining.amount_minor in (0, intent.money.amount_minor)


def owner(line: RefundLine, facts: RefundFacts) -> str:
    """The company that the payment belongs to. Raises BadInput where it is another's, or nobody's."""
    found = set(facts.our_company_ids)
    if facts.customer_company:
        found.add(facts.customer_company.company_id)
    if not found:
        raise BadInput(
            f"Nobody knows whose payment {line.payment_intent_id} is: it is not in billing_payments, and its "
            "customer is no company's.",
            "Add it to billing_payments, or set the company's stripe_customer_id.",
        )
    if len(found) > 1:
        raise BadInput(
            f"Payment {line.payment_intent_id} belongs to {' and '.join(sorted(found))}: billing_payments and "
            "Stripe's customer disagree.",
            "Correct billing_payments or billing_companies.",
        )
    company_id = found.pop()
    if line.company_id not in (None, company_id):
        raise BadInput(f"Payment {line.payment_intent_id} is not a payment of {line.company_id}.", "Check both ids.")
    return company_id


def refund_action(line: RefundLine, money: Money | None, facts: RefundFacts, via: Via) -> Action:
    """The action for one line. Raises BadInput with the reason where it cannot be carried out."""
    payment = facts.payment
    amount = money or payment.remaining
    check_refundable(payment, amount)
    company_id = owner(line, facts)
    kind, request = _movement(line, amount, payment, via)
    return Action(
        kind=kind,
        company_id=company_id,
        subject=payment.payment_intent_id,
        money=amount,
        in_favour_of_company=True,
        request=request,
        reason=line.reason.value,
        note=line.note,
        facts=_facts(company_id, amount, facts),
        touches=tuple(
            name for name in (payment.payment_intent_id, payment.invoice_id, payment.customer_id) if name is not None
        ),
        seen=payment.standing,
        source_key=source_key(line, money, via),
    )


def warnings(lines: Sequence[RefundLine], facts: Mapping[str, RefundFacts], via: Via, now: datetime) -> list[str]:
    """What an operator should know before going on; what many payments share is said once, with examples."""
    payments = [facts[line.payment_intent_id].payment for line in lines]
    invoiced = [payment for payment in payments if payment.invoice_id and via is Via.REFUND]
    inquired = [payment.payment_intent_id for payment in payments if payment.under_inquiry]
    found = [FRAUDULENT_WARNING] if any(line.reason is RefundReason.FRAUDULENT for line in lines) else []
    if invoiced:
        whose = [payment.payment_intent_id for payment in invoiced]
        paid = f"{whose[0]} paid invoice {invoiced[0].invoice_id}"
        paid = paid if len(invoiced) == 1 else f"{len(invoiced):,} payments paid an invoice ({_some(whose)})"
        its = "its" if len(invoiced) == 1 else "the"
        found.append(f"{paid}: a credit note keeps {its} tax right, a plain refund does not (--via credit-note).")
    found += _too_old([payment for payment in payments if payment.may_be_too_old(now)])
    if inquired:
        who = f"{inquired[0]} is" if len(inquired) == 1 else f"{len(inquired):,} payments ({_some(inquired)}) are"
        found.append(f"{who} under inquiry by the bank; a full refund usually ends it.")
    return found


def beside_credits(lines: Sequence[RefundLine], facts: Mapping[str, RefundFacts]) -> list[str]:
    """For each payment whose invoice was credited before: the refund may be the same money again."""
    found = [facts[line.payment_intent_id] for line in lines]
    return [
        f"Of invoice {fact.payment.invoice_id}, which {fact.payment.payment_intent_id} paid, money was credited "
        f"before: {_credits_text(fact.credits)}."
        for fact in found
        if fact.credits
    ]


def _credits_text(credits: Sequence[Credit]) -> str:
    return ", ".join(f"{each.money.text} ({each.credit_note_id}, {each.created_at[:10]})" for each in credits)


def _too_old(payments: Sequence[Payment]) -> list[str]:
    if not payments:
        return []
    first = payments[0]
    name, method, day = first.payment_intent_id, first.method, f"{first.paid_at:%Y-%m-%d}"
    one = f"{name} was paid by {method} on {day}: Stripe may no longer give it back by that way"
    many = f"{len(payments):,} payments ({_some([each.payment_intent_id for each in payments])}) were paid long ago by "
    many += "other ways than cards: Stripe may no longer give them back by those"
    return [
        f"{one if len(payments) == 1 else many}. A refund that it refuses changes nothing; pay it another way then."
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_EXAMPLES]) + (", …" if len(names) > _EXAMPLES else "")


def _movement(line: RefundLine, money: Money, payment: Payment, via: Via) -> tuple[IntentKind, dict[str, object]]:
    """The kind, and Stripe's parameters."""
    match via:
        case Via.REFUND:
            return IntentKind.REFUND, _refund(line, money)
        case Via.CREDIT_NOTE:
            return IntentKind.CREDIT_NOTE, _credit_note(line, money, payment)
        case _:
            assert_never(via)


def _refund(line: RefundLine, money: Money) -> dict[str, object]:
    return {"payment_intent": line.payment_intent_id, "amount": money.amount_minor, "reason": line.reason.value}


def _credit_note(line: RefundLine, money: Money, payment: Payment) -> dict[str, object]:
    if payment.invoice_id is None:
        raise BadInput(
            f"Payment {line.payment_intent_id} paid no invoice, so there is none to credit.",
            "Leave --via credit-note out.",
        )
    # Stripe's credit notes have no word for "the customer asked": then the reason stays here only.
    reason = {} if line.reason is RefundReason.REQUESTED else {"reason": line.reason.value}
    return {
        "invoice": payment.invoice_id,
        "amount": money.amount_minor,
        "refund_amount": money.amount_minor,
        "email_type": "none",
        **reason,
    }


def _facts(company_id: str, money: Money, facts: RefundFacts) -> dict[str, object]:
    payment, company = facts.payment, facts.customer_company
    after = Money(payment.remaining.amount_minor - money.amount_minor, payment.currency)
    found: dict[str, object] = {
        "company": company_id,
        "name": company.name if company else None,
        "customer": payment.customer_id,
        "payment": payment.payment_intent_id,
        "invoice": payment.invoice_id,
        "paid on": f"{payment.paid_at:%Y-%m-%d}" if payment.paid_at else None,
        "paid by": payment.method,
        "captured": Money(payment.captured_minor, payment.currency),
        "refunded so far": Money(payment.refunded_minor, payment.currency),
        "disputed": Money(payment.disputed_minor, payment.currency),
        "refund now": money,
        "remaining after": after,
        "fee not returned": payment.fee,
    }
    if facts.credits:
        found["credited before"] = _credits_text(facts.credits)
    if facts.preview:
        found |= {"credit note": facts.preview.total, "tax in it": facts.preview.tax}
    return found
