"""Refunds: load the facts of every payment, and plan."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Action
from billing_cli.domain.invoice import CreditNotePreview
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money_plan import Known, MoneyPlan, Wishes, money_plan
from billing_cli.domain.payment import Payment
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.domain.refund import (
    RefundFacts,
    RefundLine,
    Via,
    asks_for,
    refund_action,
    source_key,
    wanted_money,
    warnings,
)
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.intents import known_about, marks_of
from billing_cli.usecases.moving import WORKERS

COMMAND = "refund"
_SHOWN_ERRORS = 20


@dataclass(frozen=True)
class RefundPlanner:
    """Loads the facts of refunds and plans them. Reads only."""

    database: Database
    stripe: MoneyReader
    limits: CommandLimits

    def plan(self, lines: Sequence[RefundLine], via: Via) -> MoneyPlan:
        """Raises BadInput where any line cannot be carried out; all lines are looked at first."""
        for company_id in {line.company_id for line in lines if line.company_id}:
            company(self.database, company_id)
        identity = self.stripe.identity()
        marks = marks_of(self.database, identity, (line.payment_intent_id for line in lines))
        facts, errors = self._facts(lines)
        invoices = (fact.payment.invoice_id for fact in facts.values() if fact.payment.invoice_id)
        marks |= marks_of(self.database, identity, invoices)
        readable = [line for line in lines if line.payment_intent_id in facts]
        keys = {line: _key(line, facts, via) for line in readable}
        known = known_about(self.database, identity, COMMAND, facts, keys.values())
        wishes = self._wishes(readable, facts, known, via, errors)
        _raise(errors, lines)
        return money_plan(COMMAND, _request(lines, via), identity, wishes, known, self.limits, marks)

    def _facts(self, lines: Sequence[RefundLine]) -> tuple[dict[str, RefundFacts], dict[RefundLine, BadInput]]:
        payments: dict[str, Payment] = {}
        errors: dict[RefundLine, BadInput] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            for line, loaded in zip(lines, pool.map(self._payment, lines), strict=True):
                if isinstance(loaded, BadInput):
                    errors[line] = loaded
                else:
                    payments[line.payment_intent_id] = loaded
        ours = self.database.call("billing_payments_known_v1", p_payment_intent_ids=sorted(payments))
        companies = companies_by_customer(self.database, (p.customer_id for p in payments.values() if p.customer_id))
        return {
            payment_id: RefundFacts(
                payment,
                tuple(company_id for company_id in ours.get(payment_id, {}).get("company_ids", []) if company_id),
                companies.get(payment.customer_id or ""),
            )
            for payment_id, payment in payments.items()
        }, errors

    def _payment(self, line: RefundLine) -> Payment | BadInput:
        try:
            payment = self.stripe.payment(line.payment_intent_id)
            return replace(payment, invoice_id=self.stripe.paid_invoice(line.payment_intent_id))
        except BadInput as error:
            return error

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
                    unserved = () if asks_for(line, money, intent) else (line.payment_intent_id,)
                    wishes = replace(wishes, settles=(*wishes.settles, intent), unserved=(*wishes.unserved, *unserved))
                else:
                    action = refund_action(line, money, fact, via)
                    preview = self._preview(action, via)
                    new.append(line)
                    actions.append(refund_action(line, money, replace(fact, preview=preview), via))
            except BadInput as error:
                errors[line] = error
        return replace(wishes, actions=tuple(actions), warnings=tuple(warnings(new, facts, via)))

    def _preview(self, action: Action, via: Via) -> CreditNotePreview | None:
        return self.stripe.credit_note_preview(action.request) if via is Via.CREDIT_NOTE else None


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
    said = [f"line {line.line_number}: {errors[line].message}" for line in in_order[:_SHOWN_ERRORS]]
    more = f"\n… and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
    raise BadInput(
        f"{len(errors)} of {len(lines)} lines cannot be refunded; nothing was written.\n" + "\n".join(said) + more,
        "Correct these lines, or take them out of the file.",
    )


def _request(lines: Sequence[RefundLine], via: Via) -> dict[str, object]:
    return {"lines": [{n: v for n, v in vars(line).items() if v is not None} for line in lines], "via": via.value}
