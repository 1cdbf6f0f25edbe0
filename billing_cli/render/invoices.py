"""Invoices, in Stripe and here."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from billing_cli.domain.invoice import Invoice, ListedInvoice
from billing_cli.domain.money import Money
from billing_cli.render.columns import Columns
from billing_cli.render.money import shown


@dataclass(frozen=True)
class InvoicesView:
    """A row each, the latest first; what is different here stands out. `full`: as many as were asked for."""

    found: Sequence[ListedInvoice]
    full: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.found:
            yield Text("There are no invoices.")
        else:
            yield _table(self.found)
            more = "; older ones, if there are any, need a greater --limit" if self.full else ""
            yield Text(f"{len(self.found):,} shown, the newest first{more}.", "dim")


def _table(found: Sequence[ListedInvoice]) -> Columns:
    table = Columns(map(_lines, found))
    for name in ("created", "invoice", "number", "company"):
        table.add_column(name)
    for name in ("total", "remaining"):
        table.add_column(name, justify="right")
    for name in ("in Stripe", "here"):
        table.add_column(name)
    for listed in found:
        invoice = listed.invoice
        table.add_row(
            invoice.created_at[:10],
            invoice.invoice_id,
            invoice.number or "-",
            listed.company_id or "-",
            shown(invoice.total),
            shown(Money(invoice.amount_remaining_minor, invoice.currency)),
            invoice.status,
            _here(listed),
        )
    return table


def _lines(listed: ListedInvoice) -> Text:
    invoice = listed.invoice
    about = f"{invoice.created_at[:10]}  {listed.company_id or '-'}  {invoice.number or '-'}"
    return Text.assemble(
        *((invoice.status, "bold"), "  ", shown(invoice.total), "  here: ", _here(listed)),
        (f"\n  {about}\n  {invoice.invoice_id}", "dim"),
    )


def _here(listed: ListedInvoice) -> Text:
    differs = listed.known.status not in (None, listed.invoice.status)
    return Text(listed.known.status or "-", "bold red" if differs else "")


def invoices_document(found: Sequence[ListedInvoice]) -> dict[str, object]:
    return {
        "invoices": [
            {**_invoice_document(listed.invoice), "company_id": listed.company_id, "status_here": listed.known.status}
            for listed in found
        ]
    }


def _invoice_document(invoice: Invoice) -> dict[str, object]:
    return {
        "invoice_id": invoice.invoice_id,
        "number": invoice.number,
        "status": invoice.status,
        "stripe_customer_id": invoice.customer_id,
        "total": invoice.total.document(),
        "paid": Money(invoice.amount_paid_minor, invoice.currency).document(),
        "remaining": Money(invoice.amount_remaining_minor, invoice.currency).document(),
        "created_at": invoice.created_at,
    }
