"""The PDF of an invoice as a file: its name, and its line in the manifest."""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from billing_cli.domain.company import Company
from billing_cli.domain.errors import Unavailable
from billing_cli.domain.invoice import Invoice
from billing_cli.domain.money import major
from billing_cli.domain.spreadsheet import neutral

MANIFEST = "manifest.csv"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_PART = 60


class LinkExpired(Unavailable):
    """Stripe's links to PDFs are good for a while only; a fresh one may work."""


class FileState(StrEnum):
    """What became of an invoice's PDF in this run: only what failed may be there when it is asked for again."""

    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class LinkedInvoice:
    """An invoice with the link to its PDF, which drafts do not have."""

    invoice: Invoice
    pdf_url: str | None


@dataclass(frozen=True)
class ManifestLine:
    """One invoice; all text, as in the file. `total` is in major units, `sha256` that of the PDF.

    `fingerprint` changes with whatever the PDF shows of the invoice.
    """

    file: str
    invoice_id: str
    number: str
    company_id: str
    company: str
    customer: str
    currency: str
    total_minor: str
    total: str
    status: str
    created: str
    sha256: str
    fingerprint: str
    state: str
    reason: str


def file_name(invoice: Invoice, company_id: str) -> str:
    """`co_1-INV-0001-in_123.pdf`: safe on every system, unique by the id, and never outside its directory."""
    parts = [company_id, invoice.number or "", invoice.invoice_id]
    safe = [_UNSAFE.sub("_", part).strip("._-")[-_LONGEST_PART:] for part in parts]
    return "-".join(part for part in safe if part) + ".pdf"


def manifest_line(
    invoice: Invoice, company: Company | None, state: FileState, sha256: str = "", reason: str = ""
) -> ManifestLine:
    return ManifestLine(
        file=file_name(invoice, company.company_id) if company and sha256 else "",
        invoice_id=invoice.invoice_id,
        number=invoice.number or "",
        company_id=company.company_id if company else "",
        company=(company.name or "") if company else "",
        customer=invoice.customer_id or "",
        currency=invoice.currency,
        total_minor=str(invoice.total_minor),
        total=major(invoice.total),
        status=invoice.status,
        created=invoice.created_at,
        sha256=sha256,
        fingerprint=fingerprint(invoice),
        state=state.value,
        reason=reason,
    )


def fingerprint(invoice: Invoice) -> str:
    """Of everything about the invoice that may change its PDF; hex, 16 characters."""
    return hashlib.sha256(repr(sorted(vars(invoice).items())).encode()).hexdigest()[:16]


_NUMBERS = frozenset({"total_minor", "total"})
_COLUMNS = [field.name for field in fields(ManifestLine)]


def manifest_csv(lines: Sequence[ManifestLine]) -> str:
    """Text cells cannot become formulas."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in lines:
        cells = vars(line).items()
        writer.writerow([value if name in _NUMBERS else neutral(value) for name, value in cells])
    return out.getvalue()


def read_manifest(text: str) -> dict[str, ManifestLine]:
    """The lines by invoice; what cannot be understood is left out, and fetched again."""
    found = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        if set(_COLUMNS) <= row.keys() and all(isinstance(row[name], str) for name in _COLUMNS):
            found[row["invoice_id"]] = ManifestLine(**{name: row[name] for name in _COLUMNS})
    return found
