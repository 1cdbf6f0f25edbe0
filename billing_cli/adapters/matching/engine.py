"""DuckDB as the workbench: rows are spooled to a private directory, loaded, matched in SQL, and written out."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import duckdb

from billing_cli.adapters.files import write_atomically
from billing_cli.adapters.matching.private_directory import PrivateDirectory
from billing_cli.adapters.matching.spool import NO_ROOM, Spool
from billing_cli.adapters.sql_files import sql_root
from billing_cli.domain.balance_transaction import BalanceTransaction
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.reconciliation import (
    Coverage,
    DayTotal,
    Finding,
    LeftOut,
    PayoutProof,
    ProofLine,
    Rules,
    Saved,
    Subject,
    Suspect,
    Total,
    Verdict,
    Window,
)
from billing_cli.domain.spreadsheet import FORMULA_START
from billing_cli.domain.stripe_export import ExportKind

_MEMORY = "600MB"
_PAGE = 2_000
# A quote before what a spreadsheet would compute.
_NEUTRAL = f"create macro neutral(text) as regexp_replace(text, '{FORMULA_START}', '''\\1')"
_NOT_LOADED = "ordinal"
# What either side was read from, by subject: (Stripe's table, ours).
_SIDES = {
    Subject.PAYMENTS: ("transactions", "here"),
    Subject.INVOICES: ("stripe_invoices", "invoices"),
    Subject.USAGE: ("summaries", "usage"),
    Subject.PAYOUTS: ("payouts", "transactions"),
}


class DuckWorkbench:
    """See `billing_cli.domain.ports.Workbench`. Everything it holds is gone when it is closed."""

    def __init__(self) -> None:
        self._directory = PrivateDirectory()
        self._path = self._directory.path
        self._db = duckdb.connect(str(self._path / "workbench.duckdb"))
        self._db.execute(f"set memory_limit = '{_MEMORY}'")
        self._db.execute("set preserve_insertion_order = false")
        self._db.execute("set autoinstall_known_extensions = false")
        self._db.execute(_NEUTRAL)
        self._db.execute(_sql("tables"))

    def close(self) -> None:
        self._db.close()
        self._directory.close()

    @contextmanager
    def rows_for(self, table: str) -> Iterator[Spool]:
        """Rows to be loaded into a table of `sql/matching/tables.sql`, when the block ends without an error."""
        path = self._path / f"{table}.ndjson"
        with Spool(path) as spool:
            yield spool
        if spool.empty:
            return
        columns = {name: kind for name, kind in self._columns(table) if name != _NOT_LOADED}
        with self._room():
            self._db.execute(
                f"insert into {table} by name select * from read_json($path, format = 'newline_delimited', "
                f"columns = {columns!r})",
                {"path": str(path)},
            )
        path.unlink()

    def load_csv(self, path: Path, accepted: Collection[ExportKind]) -> None:
        """A CSV file of Stripe's into the table it belongs to. Raises BadInput for files of another kind."""
        from billing_cli.adapters.matching.stripe_csv import open_csv

        file = open_csv(path, accepted)
        with self.rows_for(file.table) as rows:
            found = file.rows()
            while some := list(islice(found, _PAGE)):
                rows.add(some)

    def scratch(self, name: str) -> Path:
        """A place for a file that is gone when this is closed."""
        return self._path / name

    def span(self, table: str) -> tuple[datetime, datetime] | None:
        first, last = self._db.execute(f"select min(created_s), max(created_s) from {table}").fetchall()[0]
        return None if first is None else (datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))

    def payments_without_charge(self) -> list[str]:
        """Payments of which only money back was read."""
        rows = self._db.execute(_sql("payments_without_charge")).fetchall()
        return [row[0] for row in rows]

    def transactions(self) -> Iterator[BalanceTransaction]:
        """Those that were loaded, each once, in order of time."""
        cursor = self._db.cursor().execute(_sql("transactions"))
        while page := cursor.fetchmany(_PAGE):
            yield from (_transaction(row) for row in page)

    def match(self, subject: Subject, window: Window, rules: Rules, coverage: Coverage) -> None:
        """Judges every row."""
        numbers = {
            "start_s": window.start.timestamp(),
            "end_s": window.end.timestamp(),
            "until_s": window.now.timestamp(),
            "edge_s": window.edge.total_seconds(),
            "lag_from_s": (window.now - rules.usage_lag).timestamp(),
            "bucket_s": 86400 if window.whole_days else 3600,
            **{f"{name}_s": instant.timestamp() for name, instant in vars(coverage).items()},
        }
        for name, number in numbers.items():
            self._db.execute(f"set variable {name} = {int(number)}")
        self._db.execute(f"set variable subject = '{subject.value}'")
        self._insert("tolerances", list(rules.tolerance_minor.items()))
        for status, raws in (("settled", rules.settled), ("pending", rules.pending), ("void", rules.void)):
            self._insert("statuses", [(raw, status) for raw in raws])
        with self._room():
            for script in ("items", subject.value, "match", "differences"):
                self._db.execute(_sql(script))

    def read_counts(self, subject: Subject) -> tuple[int, int]:
        """Rows read of Stripe's side and of ours."""
        counts = [self._one(f"select count(*) from {table}") for table in _SIDES[subject]]
        return counts[0], counts[1]

    def totals(self) -> list[Total]:
        rows = self._db.execute(_sql("totals")).fetchall()
        return [Total(Verdict(row[0]), row[1], row[2], *row[3:]) for row in rows]

    def days(self) -> list[DayTotal]:
        return [DayTotal(*row) for row in self._db.execute(_sql("days")).fetchall()]

    def left_out(self) -> list[LeftOut]:
        query = "select what, side, rows, unit, coalesce(amount, 0) from left_out where rows > 0 order by all"
        return [LeftOut(*row) for row in self._db.execute(query).fetchall()]

    def findings(self, limit: int | None = None) -> Iterator[Finding]:
        """The differences, largest first."""
        cursor = self._db.cursor().execute("from differences" + (f" limit {int(limit)}" if limit is not None else ""))
        while page := cursor.fetchmany(_PAGE):
            yield from map(_finding, page)

    def named_differences(self) -> Iterator[dict[str, object]]:
        """Every difference by name, as a run is saved; amounts are text."""
        names = ("key", "verdict", "reason", "unit", "times", "stripe", "here", "company_id", "at_s")
        cursor = self._db.cursor().execute(_sql("named_differences"))
        while page := cursor.fetchmany(_PAGE):
            yield from (dict(zip(names, row, strict=True)) for row in page)

    def saved(self, shown: int) -> Saved | None:
        """This run beside the differences that were loaded into `saved`."""
        new, still_open, elsewhere, saved_s = self._db.execute(_sql("saved_counts")).fetchall()[0]
        if saved_s is None:
            return None
        query = (
            "select key, verdict, reason, unit, stripe, ours, null, null, null, null, company_id, null, "
            "make_timestamp((at_s * 1000000)::bigint)::date, make_timestamp((first_seen_s * 1000000)::bigint)::date "
            f"from gone order by all limit {int(shown)}"
        )
        gone = [_finding(row) for row in self._db.execute(query).fetchall()]
        gone_items = self._one("select count(*) from gone")
        return Saved(datetime.fromtimestamp(saved_s, UTC), new, still_open, gone_items, gone, elsewhere)

    def payout_proofs(self) -> list[PayoutProof]:
        """Every automatic payout that has transactions, in order of time."""
        suspects: dict[str, list[Suspect]] = {}
        for payout_id, *suspect in self._db.execute(_sql("payout_suspects")).fetchall():
            suspects.setdefault(payout_id, []).append(Suspect(*suspect))
        rows = self._db.execute(_sql("payout_lines")).fetchall()
        return [
            PayoutProof(
                payout_id,
                currency,
                paid_out,
                arrival,
                [ProofLine(*row[4:]) for row in lines],
                suspects.get(payout_id, []),
            )
            for (payout_id, currency, paid_out, arrival), lines in groupby(rows, key=lambda row: row[:4])
        ]

    def write(self, path: Path) -> None:
        """The differences as CSV or Parquet, by the suffix. Text that a spreadsheet would compute is disarmed."""
        kind = "parquet, compression zstd" if path.suffix == ".parquet" else "csv, header"
        source = "differences" if path.suffix == ".parquet" else f"({_sql('spreadsheet')})"
        partial = self._path / "out"
        with self._room():
            self._db.execute(f"copy {source} to '{partial}' (format {kind})")
        write_atomically(path, partial.read_bytes())

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            reason = str(error).splitlines()[0]
            raise Misconfigured(f"The comparison ran out of room: {reason}", NO_ROOM) from None

    def _columns(self, table: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self._db.execute(f"describe {table}").fetchall()]

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._db.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchall()[0][0])


def _transaction(row: Sequence[Any]) -> BalanceTransaction:
    values = list(row)
    for place in (6, 7):
        values[place] = datetime.fromtimestamp(values[place], UTC)
    return BalanceTransaction(*values)


def _finding(row: Sequence[Any]) -> Finding:
    return Finding(row[0], Verdict(row[1]), *row[2:])


def _sql(name: str) -> str:
    return sql_root().joinpath("matching", f"{name}.sql").read_text(encoding="utf-8")
