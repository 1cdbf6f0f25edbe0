"""Files that Stripe writes: what each kind can be used for, and the columns that are read of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ExportKind(StrEnum):
    """The names by which messages call them."""

    ITEMIZED = "an itemized report of balance transactions"
    PAYMENTS = "the Dashboard's export of payments"
    INVOICES = "the Dashboard's export of invoices"


# All that are read. Some are no default columns of Stripe's.
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


@dataclass(frozen=True)
class Columns:
    """How the columns of a kind are used. `mark` is one that only this kind has.

    Every row has the `needed` ones. `amounts` are in the currency that another column names, `instants` are in UTC.
    `renamed` are names that Stripe gives, or gave, to the same column.
    """

    mark: str
    table: str
    needed: tuple[str, ...]
    amounts: Mapping[str, str]
    instants: tuple[str, ...]
    renamed: Mapping[str, tuple[str, ...]]


EXPORTS: Mapping[ExportKind, Columns] = {
    ExportKind.ITEMIZED: Columns(
        mark="balance_transaction_id",
        table="transactions",
        needed=("balance_transaction_id", "created_utc", "currency", "gross", "fee", "net", "reporting_category"),
        amounts={
            "gross": "currency",
            "fee": "currency",
            "net": "currency",
            "customer_facing_amount": "customer_facing_currency",
        },
        instants=("created_utc", "available_on_utc"),
        renamed={},
    ),
    ExportKind.PAYMENTS: Columns(
        mark="Converted Amount",
        table="transactions",
        needed=("id", "Created date (UTC)", "Amount", "Currency", "Captured", "Status"),
        amounts={
            "Amount": "Currency",
            "Amount Refunded": "Currency",
            "Converted Amount": "Converted Currency",
            "Fee": "Converted Currency",
        },
        instants=("Created date (UTC)",),
        renamed={
            "Created date (UTC)": ("Created (UTC)",),
            "PaymentIntent ID": ("Payment Intent ID",),
        },
    ),
    ExportKind.INVOICES: Columns(
        mark="Amount Due",
        table="stripe_invoices",
        needed=("id", "Total", "Currency", "Status", "Date (UTC)"),
        amounts={"Total": "Currency", "Amount Paid": "Currency"},
        instants=("Date (UTC)",),
        renamed={
            "Date (UTC)": ("Created (UTC)", "Created date (UTC)"),
            "Customer": ("Customer ID",),
        },
    ),
}
