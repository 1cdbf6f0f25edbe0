"""Reads invoices with the links to their PDFs."""

from datetime import datetime
from typing import Any

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.money_reader import invoice_of
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.invoice import Invoice
from billing_cli.domain.invoice_file import LinkedInvoice


class StripeInvoiceReader:
    """GET requests only."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection.reader()

    def linked(self, invoice_id: str) -> LinkedInvoice:
        """Read anew, because links expire."""
        found = read(lambda: self._stripe.v1.invoices.retrieve(invoice_id))
        return LinkedInvoice(invoice_of(found), found.invoice_pdf)

    def created_between(self, start: datetime, end: datetime, customer_id: str | None) -> list[Invoice]:
        """Every invoice but drafts, created in [start, end), oldest first."""
        created = {"gte": int(start.timestamp()), "lt": int(end.timestamp())}
        filters: Any = {"created": created, "limit": PAGE} | ({"customer": customer_id} if customer_id else {})
        found = read(lambda: [invoice_of(i) for i in self._stripe.v1.invoices.list(filters).auto_paging_iter()])
        return [invoice for invoice in reversed(found) if invoice.status != "draft"]
