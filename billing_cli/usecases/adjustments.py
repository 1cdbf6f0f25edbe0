"""Manual charges and credits: load the facts of customer and invoice, and plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from billing_cli.domain.adjustment import (
    AdjustRequest,
    Choice,
    Direction,
    Instrument,
    adjust_action,
    beside_refunds,
    choose,
    is_asked_by,
    refunds_text,
    warnings,
)
from billing_cli.domain.credit_grant import PLAIN_TERMS
from billing_cli.domain.intent import Intent
from billing_cli.domain.invoice import CreditNotePreview, Invoice, check_owner
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money_plan import MoneyPlan, Wishes, money_plan
from billing_cli.domain.payment import Refund
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.usecases.companies import company
from billing_cli.usecases.intents import known_about, marks_of
from billing_cli.usecases.invoices import known_invoice

COMMAND = "adjust"


@dataclass(frozen=True)
class AdjustmentPlanner:
    """Loads the facts of one adjustment and plans it. Reads only."""

    database: Database
    stripe: MoneyReader
    limits: CommandLimits

    def plan(self, request: AdjustRequest) -> MoneyPlan:
        """Raises BadInput where nothing in Stripe can carry the adjustment."""
        owner = company(self.database, request.company_id)
        identity = self.stripe.identity()
        subjects = [subject for subject in (owner.customer, request.invoice_id) if subject]
        marks = marks_of(self.database, identity, subjects)
        known = known_about(self.database, identity, COMMAND, subjects)
        opened = next((intent for subject in subjects if (intent := known.open_on(subject))), None)
        wishes = _settle_first(request, opened) if opened else self._wishes(request)
        return money_plan(COMMAND, _document(request), identity, wishes, known, self.limits, marks)

    def _wishes(self, request: AdjustRequest) -> Wishes:
        owner = company(self.database, request.company_id)
        customer = self.stripe.customer(owner.customer)
        if request.instrument is Instrument.CREDIT_GRANT:
            customer = replace(customer, newest_grant=self.stripe.newest_grant(owner.customer))
        invoice = self._invoice(request)
        choice = choose(request, customer, invoice)
        action = adjust_action(request, owner, customer, choice, self._preview(request, choice))
        refunds = self._refunds(request)
        if refunds:
            action = replace(action, facts={**action.facts, "refunded before": refunds_text(refunds)})
        return Wishes(
            actions=(action,),
            warnings=tuple(warnings(request, customer, choice)),
            beside=beside_refunds(request, refunds) if refunds else None,
        )

    def _refunds(self, request: AdjustRequest) -> Sequence[Refund]:
        """Those of the named invoice's payments: a credit beside them may be the same money again."""
        if request.direction is not Direction.CREDIT or request.invoice_id is None:
            return ()
        return self.stripe.refunds_of_invoice(request.invoice_id)

    def _invoice(self, request: AdjustRequest) -> Invoice | None:
        if request.invoice_id is None:
            return None
        invoice = self.stripe.invoice(request.invoice_id)
        owner = company(self.database, request.company_id)
        check_owner(invoice, owner, known_invoice(self.database, request.invoice_id))
        return invoice

    def _preview(self, request: AdjustRequest, choice: Choice) -> CreditNotePreview | None:
        """Stripe says how much of it falls after the payment, and has to be given somewhere: to the balance."""
        if choice.instrument is not Instrument.CREDIT_NOTE or choice.invoice is None:
            return None
        amount = {"invoice": choice.invoice.invoice_id, "amount": request.money.amount_minor}
        if choice.invoice.status == "paid":
            return self.stripe.credit_note_preview({**amount, "credit_amount": request.money.amount_minor})
        return self.stripe.credit_note_preview(amount)


def _settle_first(request: AdjustRequest, intent: Intent) -> Wishes:
    return Wishes(settles=(intent,), unserved=() if is_asked_by(request, intent) else (intent.subject,))


def _document(request: AdjustRequest) -> dict[str, object]:
    grant = {} if request.grant == PLAIN_TERMS else {"grant": request.grant.document()}
    return {
        "company_id": request.company_id,
        "direction": request.direction.value,
        **request.money.document(),
        "reason": request.reason,
        "instrument": request.instrument.value if request.instrument else None,
        "invoice_id": request.invoice_id,
        **grant,
    }
