"""Stripe's ledger and reports, and the place where rows are compared."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.balance_transaction import BalanceTransaction
from billing_cli.domain.reconciliation import (
    Coverage,
    DayTotal,
    Finding,
    LeftOut,
    PayoutProof,
    Rules,
    Saved,
    Subject,
    SummariesWanted,
    Total,
    Window,
)
from billing_cli.domain.stripe_export import ExportKind

RowSink = Callable[[Iterable[Mapping[str, object]]], None]


class LedgerReader(Protocol):
    """What Stripe has, row by row, for reconciliation and journals: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def transactions(self, since: datetime, until: datetime, sink: RowSink) -> None: ...

    def invoices(self, since: datetime, until: datetime, sink: RowSink) -> None: ...

    def payouts(self, since: datetime, until: datetime, sink: RowSink, transactions: RowSink) -> None: ...

    def summaries(self, wanted: Sequence[SummariesWanted], sink: RowSink) -> list[SummariesWanted]:
        """Rows of totals; returns those of which they do not tell all.

        Stripe has no such customer or meter, or another meter of that name was in use during the span.
        """
        ...


class ReportReader(Protocol):
    """Reports that Stripe writes on demand. Asking for one is a POST, but changes nothing."""

    def download(
        self, since: datetime, until: datetime, path: Path, waited: Callable[[float], None]
    ) -> tuple[datetime, datetime]:
        """An itemized report of balance transactions into `path`; returns the instants it covers.

        `waited` is told the seconds so far while Stripe works. Raises BadInput where Stripe has no data yet.
        """
        ...


class Rows(Protocol):
    """Rows on their way into the workbench; several threads may add some."""

    def add(self, rows: Iterable[Mapping[str, object]]) -> None: ...

    def add_lines(self, lines: str) -> None:
        """Rows that are JSON objects already, one a line."""
        ...


class Workbench(Protocol):
    """An embedded engine with the rows of both sides; its tables are those of `sql/matching/tables.sql`."""

    def rows_for(self, table: str) -> AbstractContextManager[Rows]: ...

    def load_csv(self, path: Path, accepted: Collection[ExportKind]) -> None:
        """A CSV file of Stripe's, into the table it is for. Raises BadInput for files of another kind."""
        ...

    def scratch(self, name: str) -> Path:
        """A place for a file that is gone when the workbench is closed."""
        ...

    def span(self, table: str) -> tuple[datetime, datetime] | None:
        """When the first and the last row of a table of Stripe's were created; None where it is empty."""
        ...

    def payments_without_charge(self) -> list[str]: ...

    def transactions(self) -> Iterator[BalanceTransaction]: ...

    def match(self, subject: Subject, window: Window, rules: Rules, coverage: Coverage) -> None: ...

    def read_counts(self, subject: Subject) -> tuple[int, int]: ...

    def totals(self) -> list[Total]: ...

    def days(self) -> list[DayTotal]: ...

    def left_out(self) -> list[LeftOut]: ...

    def findings(self, limit: int | None = None) -> Iterator[Finding]: ...

    def named_differences(self) -> Iterator[Mapping[str, object]]: ...

    def saved(self, shown: int) -> Saved | None:
        """This run beside what was loaded into `saved`; None where nothing was ever saved."""
        ...

    def payout_proofs(self) -> list[PayoutProof]: ...

    def write(self, path: Path) -> None: ...

    def close(self) -> None: ...
