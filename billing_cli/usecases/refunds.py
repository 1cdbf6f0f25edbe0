"""Refunds: load the facts of every payment, and plan."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action, Intent, IntentState
from billing_cli.domain.invoice import Credit, CreditNotePreview
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money_plan import FailedLine, Followed, Known, MoneyPlan, Wishes, money_plan
from billing_cli.domain.payment import Payment, PaymentLinks, check_named_by_credit_note
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.domain.refund import (
    CHARGES,
    RefundFacts,
    RefundLine,
    Via,
    asks_for,
    beside_credits,
    read_amounts,
    refund_action,
    source_key,
    wanted_money,
    warnings,
)
from billing_cli.domain.written_amount import Convention
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.intents import known_about, marks_of
from billing_cli.usecases.moving import READERS
from billing_cli.usecases.refund_status import as_they_are_now

COMMAND = "refund"
_NAMED = "A refund beside it is carried out only when this plan is named by its digest."
_SHOWN_ERRORS = 20
T = TypeVar("T")


@dataclass(frozen=True)
class RefundPlanner:
    """Loads the facts of refunds and plans them. Reads only."""

    database: Database
    stripe: MoneyReader
    limits: CommandLimits
    clock: Callable[[], datetime]

    def plan(self, asked: Sequence[RefundLine], via: Via, convention: Convention | None = None) -> MoneyPlan:
        """`convention`: how the amounts of a file may be written; they are plain numbers otherwise.

        Raises BadInput where any line cannot be carried out; all lines are looked at first.
        """
        for company_id in {line.company_id for line in asked if line.company_id}:
            company(self.database, company_id)
        identity = self.stripe.identity()
        errors: dict[RefundLine, BadInput] = {}
        lines = self._of_payments(asked, errors)
        links = _for_each(lines, lambda line: self.stripe.links(line.payment_intent_id), errors)
        marks = marks_of(self.database, identity, _touched(links))
        facts = self._facts([line for line in lines if line not in errors], links, errors)
        lines = _plain([line for line in lines if line.payment_intent_id in facts], facts, convention, errors)
        readable = [line for line in lines if line not in errors]
        keys = {line: _key(line, facts, via) for line in readable}
        before = known_about(self.database, identity, COMMAND, facts, keys.values())
        known = replace(before, intents=self._followed(before.intents, keys))
        wishes = self._wishes(readable, facts, known, via, errors)
        wishes = replace(wishes, followed=_changed(before, known, facts), failed=_failed(wishes.done_before, lines))
        _raise(errors, asked)
        return money_plan(COMMAND, _request(lines, via), identity, wishes, known, self.limits, marks)

    def _of_payments(self, lines: Sequence[RefundLine], errors: dict[RefundLine, BadInput]) -> list[RefundLine]:
        """The lines with the payments of the charges that they name; those of one payment stand once."""
        charges = [line for line in lines if line.payment_intent_id.startswith(CHARGES)]
        payments = _for_each(charges, lambda line: self.stripe.payment_of_charge(line.payment_intent_id), errors)
        found: dict[str, RefundLine] = {}
        for line in [line for line in lines if line not in errors]:
            name = payments.get(line.payment_intent_id, line.payment_intent_id)
            if (former := found.get(name)) is not None:
                errors[line] = BadInput(
                    f"{line.payment_intent_id} is payment {name}, which is on line {former.line_number} already."
                )
            found.setdefault(name, replace(line, payment_intent_id=name))
        return list(found.values())

    def _facts(
        self, lines: Sequence[RefundLine], links: Mapping[str, PaymentLinks], errors: dict[RefundLine, BadInput]
    ) -> dict[str, RefundFacts]:
        def load(line: RefundLine) -> Payment:
            name = line.payment_intent_id
            return replace(self.stripe.payment(name), invoice_id=links[name].invoice_id)

        credits = self._credits(lines, links, errors)
        payments = _for_each([line for line in lines if line not in errors], load, errors)
        ours = self.database.call("billing_payments_known_v1", p_payment_intent_ids=sorted(payments))
        companies = companies_by_customer(self.database, (p.customer_id for p in payments.values() if p.customer_id))
        return {
            payment_id: RefundFacts(
                payment,
                tuple(company_id for company_id in ours.get(payment_id, {}).get("company_ids", []) if company_id),
                companies.get(payment.customer_id or ""),
                credits=tuple(credits.get(payment_id, ())),
            )
            for payment_id, payment in payments.items()
        }

    def _credits(
        self, lines: Sequence[RefundLine], links: Mapping[str, PaymentLinks], errors: dict[RefundLine, BadInput]
    ) -> dict[str, list[Credit]]:
        """Of the invoices that were paid, by payment."""

        def load(line: RefundLine) -> list[Credit]:
            invoices = self.stripe.invoices_of_payment(line.payment_intent_id)
            return [credit for invoice in invoices for credit in self.stripe.credits_of_invoice(invoice)]

        return _for_each([line for line in lines if links[line.payment_intent_id].invoice_id], load, errors)

    def _followed(self, intents: Sequence[Intent], keys: Mapping[RefundLine, str | None]) -> list[Intent]:
        """With what became at Stripe of those that are done: of all for a single refund, else of those of the lines."""
        wanted = set(keys.values())
        done = [i for i in intents if i.state is IntentState.DONE and (None in wanted or i.source_key in wanted)]
        now = {intent.intent_id: intent for intent in as_they_are_now(done, self.stripe)}
        return [now.get(intent.intent_id, intent) for intent in intents]

    def _wishes(
        self,
        lines: Sequence[RefundLine],
        facts: Mapping[str, RefundFacts],
        known: Known,
        via: Via,
        errors: dict[RefundLine, BadInput],
    ) -> Wishes:
        actions: list[Action] = []
        new: list[RefundLine] = []
        wishes = Wishes()
        for line in lines:
            fact = facts[line.payment_intent_id]
            try:
                money = wanted_money(line, fact.payment)
                key = source_key(line, money, via)
                if key and (done := known.done_for_line(key)):
                    wishes = replace(wishes, done_before=(*wishes.done_before, done))
                elif intent := known.open_on(line.payment_intent_id):
                    served = asks_for(line, money, key, via, fact.payment, intent)
                    unserved = () if served else (line.payment_intent_id,)
                    wishes = replace(wishes, settles=(*wishes.settles, intent), unserved=(*wishes.unserved, *unserved))
                else:
                    action = refund_action(line, money, fact, via)
                    preview = self._preview(action, via)
                    new.append(line)
                    actions.append(refund_action(line, money, replace(fact, preview=preview), via))
            except BadInput as error:
                errors[line] = error
        credited = beside_credits(new, facts)
        found = warnings(new, facts, via, self.clock())
        if any(line.line_number is None for line in new) and credited:
            wishes = replace(wishes, beside=f"{credited[0]} {_NAMED}")
            credited = []
        return replace(wishes, actions=tuple(actions), warnings=(*found, *credited))

    def _preview(self, action: Action, via: Via) -> CreditNotePreview | None:
        """Raises BadInput if the credit note would not name the payment."""
        if via is not Via.CREDIT_NOTE:
            return None
        invoices = self.stripe.invoices_of_payment(action.subject)
        invoice_id = str(action.request["invoice"])
        payments, invoice = self.stripe.payments_of_invoice(invoice_id), self.stripe.invoice(invoice_id)
        check_named_by_credit_note(action.subject, invoices, payments, invoice.status == "paid")
        return self.stripe.credit_note_preview(action.request)


def _plain(
    lines: Sequence[RefundLine],
    facts: Mapping[str, RefundFacts],
    convention: Convention | None,
    errors: dict[RefundLine, BadInput],
) -> list[RefundLine]:
    """With plain numbers for the amounts of a file."""
    if convention is None:
        return list(lines)
    currencies = {name: fact.payment.currency for name, fact in facts.items()}
    try:
        plain, unread = read_amounts(lines, currencies, convention)
    except BadInput as error:
        raise BadInput(
            error.message, "Write all amounts with a point and no other mark, for example 1250.50."
        ) from None
    errors |= unread
    return plain


def _for_each(
    lines: Sequence[RefundLine], load: Callable[[RefundLine], T], errors: dict[RefundLine, BadInput]
) -> dict[str, T]:
    """By payment, several at once; the errors of the other lines go into `errors`."""
    found: dict[str, T] = {}

    def attempt(line: RefundLine) -> None:
        try:
            found[line.payment_intent_id] = load(line)
        except BadInput as error:
            errors[line] = error

    with ThreadPoolExecutor(READERS) as pool:
        for _ in pool.map(attempt, lines):
            pass
    return found


def _changed(before: Known, now: Known, facts: Mapping[str, RefundFacts]) -> tuple[Followed, ...]:
    """Those with another status at Stripe than is written down, with the payment's amount as it is now."""
    former = {intent.intent_id: intent.stripe_status for intent in before.intents}
    return tuple(
        Followed(
            intent,
            {"payment_intent_id": intent.subject, "refunded_minor": facts[intent.subject].payment.refunded_minor},
        )
        for intent in now.intents
        if intent.stripe_status != former[intent.intent_id]
    )


def _failed(done_before: Sequence[Intent], lines: Sequence[RefundLine]) -> tuple[FailedLine, ...]:
    numbers = {line.payment_intent_id: line.line_number for line in lines}
    return tuple(FailedLine(numbers[i.subject], i) for i in done_before if i.needs_a_person)


def _touched(links: Mapping[str, PaymentLinks]) -> set[str]:
    """All objects of Stripe that refunds of these payments touch."""
    others = (name for link in links.values() for name in (link.customer_id, link.invoice_id) if name)
    return {*links, *others}


def _key(line: RefundLine, facts: Mapping[str, RefundFacts], via: Via) -> str | None:
    try:
        return source_key(line, wanted_money(line, facts[line.payment_intent_id].payment), via)
    except BadInput:  # said where the line is planned
        return None


def _raise(errors: Mapping[RefundLine, BadInput], lines: Sequence[RefundLine]) -> None:
    """One error for all lines; a single refund's own error as it is."""
    if not errors:
        return
    first = next(iter(errors.values()))
    if len(lines) == 1 and lines[0].line_number is None:
        raise first
    in_order = sorted(errors, key=lambda line: line.line_number or 0)
    said = [_of_line(line, errors[line]) for line in in_order[:_SHOWN_ERRORS]]
    more = f"\n… and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
    raise BadInput(
        f"{len(errors)} of {len(lines)} lines cannot be refunded; nothing was written.\n" + "\n".join(said) + more,
        "Correct these lines, or take them out of the file.",
    )


def _of_line(line: RefundLine, error: BadInput) -> str:
    """The error with its line once: that of an amount begins with it."""
    return f"line {line.line_number}: " + error.message.removeprefix(f"line {line.line_number}, ")


def _request(lines: Sequence[RefundLine], via: Via) -> dict[str, object]:
    return {"lines": [{n: v for n, v in vars(line).items() if v is not None} for line in lines], "via": via.value}
