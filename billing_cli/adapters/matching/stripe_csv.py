"""CSV files that Stripe writes, as rows: read twice, first to settle how its amounts are written."""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from billing_cli.domain.errors import BadInput
from billing_cli.domain.spreadsheet import separator_of
from billing_cli.domain.stripe_export import COLUMNS, EXPORTS, ExportKind
from billing_cli.domain.stripe_record import Row, StripeRecord
from billing_cli.domain.written_amount import Convention

_KNOWN = (
    "Known are the itemized reports of balance and payouts with all their columns, and the Dashboard's exports of "
    "payments and of invoices with all columns."
)
_NOT_WHOLE = "Is the file whole? Export it again."
# Characters; a file without line breaks is not read whole.
_LONGEST_HEAD = 100_000


@dataclass(frozen=True)
class StripeCsv:
    """A file of a known kind whose columns are all there."""

    path: Path
    kind: ExportKind
    delimiter: str
    places: Mapping[str, int]
    width: int

    @property
    def table(self) -> str:
        """The table of the workbench that it is for."""
        return EXPORTS[self.kind].table

    def rows(self) -> Iterator[Row]:
        """Its rows for that table. Raises BadInput with line, column and value of a cell that cannot be read."""
        convention = Convention()
        try:
            for record in self._records():
                record.check(convention)
            convention.settle()
        except BadInput as error:
            raise BadInput(f"{self.path}, {error.message}", error.next_step) from None
        for record in self._records():
            row = record.row(convention)
            if row is not None:
                yield row

    def _records(self) -> Iterator[StripeRecord]:
        """All but blank ones."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            next(reader, None)
            line = reader.line_num + 1
            try:
                for record in reader:
                    first, line = line, reader.line_num + 1
                    if any(cell.strip() for cell in record):
                        self._check_width(first, record)
                        cells = {name: record[place].strip() for name, place in self.places.items()}
                        yield StripeRecord(self.kind, first, cells)
            except csv.Error:
                raise BadInput(f"line {line}: a quote is never closed, or misplaced.", _NOT_WHOLE) from None
            except UnicodeDecodeError:
                raise BadInput(f"line {line}: the text is not UTF-8.", "Save it as CSV in UTF-8.") from None

    def _check_width(self, line: int, record: Sequence[str]) -> None:
        if len(record) != self.width:
            raise BadInput(f"line {line}: {len(record)} columns instead of {self.width}.", _NOT_WHOLE)


def open_csv(path: Path, accepted: Collection[ExportKind]) -> StripeCsv:
    """A file of Stripe's by its header. Raises BadInput for one of another kind or without a column."""
    delimiter, names = _head(path)
    places: dict[str, int] = {}
    for number, name in enumerate(names):
        # Stripe's exports may have a column twice; the first is meant.
        places.setdefault(name.strip().lower(), number)
    kind = next((kind for kind, columns in EXPORTS.items() if columns.mark.lower() in places), None)
    if kind is None:
        raise BadInput(f"{path} is no export of Stripe's that is understood here.", _KNOWN)
    if kind not in accepted:
        raise BadInput(f"{path} is {kind.value}.", f"Needed is {' or '.join(each.value for each in accepted)}.")
    found = {name: place for name in COLUMNS[kind] if (place := _place(kind, name, places)) is not None}
    if missing := [name for name in COLUMNS[kind] if name not in found]:
        raise BadInput(f"{path} is {kind.value}, but lacks {', '.join(missing)}.", _advice(missing))
    return StripeCsv(path, kind, delimiter, found, len(names))


def _head(path: Path) -> tuple[str, list[str]]:
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Check --stripe-csv.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_LONGEST_HEAD)
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text file in UTF-8.", _KNOWN) from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check --stripe-csv.") from None
    delimiter = separator_of(first)
    return delimiter, next(csv.reader([first], delimiter=delimiter), [])


def _place(kind: ExportKind, name: str, places: Mapping[str, int]) -> int | None:
    names = (name, *EXPORTS[kind].renamed.get(name, ()))
    return next((places[each.lower()] for each in names if each.lower() in places), None)


def _advice(missing: Sequence[str]) -> str:
    if any("utc" in name.lower() for name in missing):
        return "Export it again with all of its columns, and with UTC as its time zone."
    return "Export it again with all of its columns."
