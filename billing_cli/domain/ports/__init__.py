"""What the use cases need from the outside world, a subject in each module."""

from billing_cli.domain.ports.account import BillingReader, PriceReader, SetupReader
from billing_cli.domain.ports.database import Database, Migrator
from billing_cli.domain.ports.events import EventPoster, EventReader
from billing_cli.domain.ports.files import AuditFile, AuditLines, FileStore, Signatures
from billing_cli.domain.ports.money import InvoiceReader, MoneyMover, MoneyReader, PdfFetcher
from billing_cli.domain.ports.processes import Processes, Workers
from billing_cli.domain.ports.reconciliation import LedgerReader, ReportReader, Rows, RowSink, Workbench
from billing_cli.domain.ports.usage import SubscriptionReader, UsageSender

__all__ = [
    "AuditFile",
    "AuditLines",
    "BillingReader",
    "Database",
    "EventPoster",
    "EventReader",
    "FileStore",
    "InvoiceReader",
    "LedgerReader",
    "Migrator",
    "MoneyMover",
    "MoneyReader",
    "PdfFetcher",
    "PriceReader",
    "Processes",
    "ReportReader",
    "RowSink",
    "Rows",
    "SetupReader",
    "Signatures",
    "SubscriptionReader",
    "UsageSender",
    "Workbench",
    "Workers",
]
