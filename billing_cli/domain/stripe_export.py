"""Files that Stripe writes, and what each kind can be used for."""

from enum import StrEnum


class ExportKind(StrEnum):
    """The names by which people are told about them."""

    ITEMIZED = "an itemized report of balance transactions"
    PAYMENTS = "the Dashboard's export of payments"
    INVOICES = "the Dashboard's export of invoices"
