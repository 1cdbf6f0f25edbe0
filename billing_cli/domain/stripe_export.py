"""Files that Stripe writes: what each kind can be used for, and the columns that are read of it."""

from collections.abc import Mapping
from enum import StrEnum


class ExportKind(StrEnum):
    """The names by which people are told about them."""

    ITEMIZED = "an itemized report of balance transactions"
    PAYMENTS = "the Dashboard's export of payments"
    INVOICES = "the Dashboard's export of invoices"


# What `sql/matching/csv_*.sql` read. Some are no default columns of Stripe's.
COLUMNS: Mapping[ExportKind, tuple[str, ...]] = {
    ExportKind.ITEMIZED: (
        "balance_transaction_id",
        "created_utc",
        "available_on_utc",
        "currency",
        "gross",
        "fee",
        "net",
        "reporting_category",
        "source_id",
        "description",
        "customer_facing_amount",
        "customer_facing_currency",
        "automatic_payout_id",
        "customer_id",
        "charge_id",
        "payment_intent_id",
    ),
    ExportKind.PAYMENTS: (
        "id",
        "Created date (UTC)",
        "Amount",
        "Amount Refunded",
        "Currency",
        "Captured",
        "Converted Amount",
        "Fee",
        "Converted Currency",
        "Status",
        "Customer ID",
        "PaymentIntent ID",
    ),
    ExportKind.INVOICES: (
        "id",
        "Number",
        "Customer",
        "Total",
        "Amount Paid",
        "Currency",
        "Status",
        "Date (UTC)",
    ),
}
