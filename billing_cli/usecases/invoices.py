"""Invoices: list them, and plan a change of the state of one."""

from dataclasses import dataclass

from billing_cli.domain.company import Company
from billing_cli.domain.invoice import KnownInvoice, ListedInvoice
from billing_cli.domain.invoice_change import InvoiceChange, InvoiceFacts, change_action, warnings
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money_plan import MoneyPlan, Wishes, money_plan
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.intents import known_about, marks_of


@dataclass(frozen=True)
class InvoicePlanner:
    """Loads the facts of one invoice and plans a change of its state. Reads only."""

    database: Database
    stripe: MoneyReader
    change: InvoiceChange
    limits: CommandLimits

    def plan(self, company_id: str, invoice_id: str, reason: str) -> MoneyPlan:
        """Raises BadInput where the invoice is another's, or cannot be changed so."""
        command = self.change.command
        owner = company(self.database, company_id)
        identity = self.stripe.identity()
        marks = marks_of(self.database, identity, [invoice_id, owner.customer])
        known = known_about(self.database, identity, command, [invoice_id])
        if intent := known.open_on(invoice_id):
            same = intent.command == command and intent.reason == reason
            wishes = Wishes(settles=(intent,), unserved=() if same else (invoice_id,))
        else:
            wishes = self._wishes(owner, invoice_id, reason)
        request = {"company_id": company_id, "invoice_id": invoice_id, "reason": reason}
        return money_plan(command, request, identity, wishes, known, self.limits, marks)

    def _wishes(self, owner: Company, invoice_id: str, reason: str) -> Wishes:
        invoice, known = self.stripe.invoice(invoice_id), known_invoice(self.database, invoice_id)
        change_action(self.change, InvoiceFacts(invoice, owner, known), reason)
        facts = InvoiceFacts(invoice, owner, known, self.stripe.in_flight(invoice_id))
        return Wishes(
            actions=(change_action(self.change, facts, reason),), warnings=tuple(warnings(self.change, facts))
        )


def list_invoices(
    database: Database, stripe: MoneyReader, company_id: str | None, status: str | None, limit: int
) -> list[ListedInvoice]:
    """The latest invoices in Stripe, of one company or of all, newest first."""
    customer = company(database, company_id).customer if company_id else None
    invoices = stripe.invoices(customer, status, limit)
    companies = companies_by_customer(database, (i.customer_id for i in invoices if i.customer_id))
    ours = database.call("billing_invoices_known_v1", p_invoice_ids=[i.invoice_id for i in invoices])
    return [
        ListedInvoice(
            invoice,
            found.company_id if (found := companies.get(invoice.customer_id or "")) else None,
            _known(ours.get(invoice.invoice_id)),
        )
        for invoice in invoices
    ]


def known_invoice(database: Database, invoice_id: str) -> KnownInvoice:
    """The deployment's own row of an invoice, if it has one."""
    return _known(database.call("billing_invoices_known_v1", p_invoice_ids=[invoice_id]).get(invoice_id))


def _known(document: dict[str, object] | None) -> KnownInvoice:
    if document is None:
        return KnownInvoice()
    owners = document["company_ids"]
    assert isinstance(owners, list)  # noqa: S101 - as the SQL function makes it
    return KnownInvoice(tuple(owner for owner in owners if owner), str(document["status"]))
