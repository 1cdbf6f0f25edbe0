"""Invoices, in Stripe and here."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from billing_cli.domain.invoice import ListedInvoice
from billing_cli.domain.money import Money
from billing_cli.render.money import shown


def render_invoices(found: Sequence[ListedInvoice]) -> RenderableType:
    """A line each, the latest first; what is different here stands out."""
    table = Table(header_style="bold")
    for name in ("invoice", "number", "company"):
        table.add_column(name, overflow="fold")
    for name in ("total", "remaining"):
        table.add_column(name, justify="right", overflow="fold")
    for name in ("in Stripe", "here"):
        table.add_column(name, overflow="fold")
    for listed in found:
        invoice = listed.invoice
        differs = listed.known.status not in (None, invoice.status)
        table.add_row(
            invoice.invoice_id,
            invoice.number or "-",
            listed.company_id or "-",
            shown(invoice.total),
            shown(Money(invoice.amount_remaining_minor, invoice.currency)),
            invoice.status,
            Text(listed.known.status or "-", "bold red" if differs else ""),
        )
    return table if table.row_count else Text("There are no invoices.")


def invoices_document(found: Sequence[ListedInvoice]) -> dict[str, object]:
    return {
        "invoices": [
            {**vars(listed.invoice), "company_id": listed.company_id, "status_here": listed.known.status}
            for listed in found
        ]
    }
