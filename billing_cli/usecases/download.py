"""Fetching the PDFs of invoices: one, or all of a month, several at a time and only what is missing."""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing_cli.domain.company import Company
from billing_cli.domain.errors import BadInput, FoundWrong, Unavailable
from billing_cli.domain.invoice import Invoice, check_owner
from billing_cli.domain.invoice_file import (
    MANIFEST,
    FileState,
    LinkedInvoice,
    LinkExpired,
    ManifestLine,
    file_name,
    fingerprint,
    manifest_csv,
    manifest_line,
    read_manifest,
)
from billing_cli.domain.ports import Database, FileStore, InvoiceReader, PdfFetcher
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.invoices import known_invoice
from billing_cli.usecases.stopping import stopping

_WORKERS = 8


class DownloadObserver(Protocol):
    """Is told what happens, for people to read."""

    def begin(self, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True)
class Downloader:
    """Reads from Stripe and writes files; nothing else is changed."""

    database: Database
    invoices: InvoiceReader
    pdfs: PdfFetcher
    observer: DownloadObserver

    def one(self, company_id: str, invoice_id: str) -> tuple[Invoice, Company, bytes]:
        """Raises BadInput where the invoice is another's or has no PDF."""
        owner = company(self.database, company_id)
        linked = self.invoices.linked(invoice_id)
        check_owner(linked.invoice, owner, known_invoice(self.database, invoice_id))
        return linked.invoice, owner, self._fetch(linked)

    def month(self, start: datetime, end: datetime, company_id: str | None, store: FileStore) -> list[ManifestLine]:
        """Every invoice created in [start, end), of one company or of all; the manifest is written last.

        Ctrl-C lets what is in flight end; the manifest then names the rest as failed.
        """
        owner = company(self.database, company_id) if company_id else None
        found = self.invoices.created_between(start, end, owner.customer if owner else None)
        owners = companies_by_customer(self.database, (i.customer_id for i in found if i.customer_id))
        try:
            lines = self._all(found, owners | ({owner.customer: owner} if owner else {}), store)
            store.write(MANIFEST, manifest_csv(lines).encode())
            store.finish()
        except BaseException:
            store.discard()
            raise
        return lines

    def _all(self, found: Sequence[Invoice], owners: dict[str, Company], store: FileStore) -> list[ManifestLine]:
        before = read_manifest((store.read(MANIFEST) or b"").decode(errors="replace"))
        stopped = threading.Event()

        def keep(invoice: Invoice) -> ManifestLine:
            owner = owners.get(invoice.customer_id or "")
            if stopped.is_set():
                line = manifest_line(invoice, owner, FileState.FAILED, reason="interrupted")
            else:
                line = self._keep(invoice, owner, before.get(invoice.invoice_id), store)
            self.observer.advance(1)
            return line

        self.observer.begin(len(found))
        with stopping(stopped.set), ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(keep, found))

    def _keep(
        self, invoice: Invoice, owner: Company | None, before: ManifestLine | None, store: FileStore
    ) -> ManifestLine:
        if owner is None:
            return manifest_line(invoice, None, FileState.SKIPPED, reason="its customer is no company's")
        name = file_name(invoice, owner.company_id)
        if before and before.fingerprint == fingerprint(invoice) and before.file == name:
            content = store.read(name)
            if content is not None and _sha256(content) == before.sha256:
                store.keep(name)
                return manifest_line(invoice, owner, FileState.UNCHANGED, before.sha256)
        try:
            content = self._fetch(self.invoices.linked(invoice.invoice_id))
        except (BadInput, FoundWrong) as error:
            return manifest_line(invoice, owner, FileState.SKIPPED, reason=error.message)
        except Unavailable as error:
            return manifest_line(invoice, owner, FileState.FAILED, reason=error.message)
        store.write(name, content)
        return manifest_line(invoice, owner, FileState.FETCHED, _sha256(content))

    def _fetch(self, linked: LinkedInvoice) -> bytes:
        """The PDF; through a fresh link where the first one has expired."""
        if linked.pdf_url is None:
            raise BadInput(
                f"Invoice {linked.invoice.invoice_id} has no PDF (its status is {linked.invoice.status}).",
                "Stripe makes one when the invoice is finalized.",
            )
        try:
            return self.pdfs.fetch(linked.pdf_url)
        except LinkExpired:
            fresh = self.invoices.linked(linked.invoice.invoice_id)
            return self.pdfs.fetch(fresh.pdf_url or "")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
