"""CSV files that Stripe writes: which kind a file is, and how its major units become minor ones."""

import csv
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import SPECIAL_EXPONENTS
from billing_cli.domain.stripe_export import COLUMNS, ExportKind

# A column that only this kind of file has, the query that reads it, and the table it fills.
_KINDS = {
    "balance_transaction_id": (ExportKind.ITEMIZED, "csv_itemized", "transactions"),
    "Converted Amount": (ExportKind.PAYMENTS, "csv_payments", "transactions"),
    "Amount Due": (ExportKind.INVOICES, "csv_invoices", "stripe_invoices"),
}
_KNOWN = (
    "Known are the itemized reports of balance and payouts with all their columns, and the Dashboard's exports of "
    "payments and of invoices with all columns."
)
_DELIMITERS = ",;\t"
_NOT_WHOLE = "Is the file whole? Export it again."


def load_csv(
    db: duckdb.DuckDBPyConnection, path: Path, accepted: Collection[ExportKind], sql: Callable[[str], str]
) -> None:
    """Fills the table that the file is for. Raises BadInput naming what is wrong."""
    head = _read_head(path)
    query, table = _fitting(path, head, accepted)
    columns = ", ".join(f"{_quoted(name)}: 'varchar'" for name in head.names)
    try:
        # Nothing is guessed: a line that is cut off must not be taken for another dialect.
        db.execute(
            f"create or replace view file as from read_csv({_quoted(str(path))}, auto_detect = false, header = true, "
            f"delim = {_quoted(head.delimiter)}, quote = '\"', escape = '\"', "
            f"columns = {{{columns}}})"
        )
        for macro in _macros():
            db.execute(macro)
        db.execute(f"insert into {table} by name {sql(query)}")
    except duckdb.Error as error:
        raise _unreadable(path, str(error)) from None


# Characters; a file without line breaks is not read whole.
_LONGEST_HEAD = 100_000


@dataclass(frozen=True)
class _Head:
    delimiter: str
    names: Sequence[str]


def _read_head(path: Path) -> _Head:
    """The columns, by names that differ: Stripe's exports may have a column twice."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Check --stripe-csv.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_LONGEST_HEAD)
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text file.", _KNOWN) from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check --stripe-csv.") from None
    delimiter = max(_DELIMITERS, key=first.count)
    names: dict[str, str] = {}
    for number, name in enumerate(next(csv.reader([first], delimiter=delimiter), [])):
        names[f"{name} {number}".lower() if name.lower() in names else name.lower()] = name
    return _Head(delimiter, [name if key == name.lower() else key for key, name in names.items()])


def _fitting(path: Path, head: _Head, accepted: Collection[ExportKind]) -> tuple[str, str]:
    """The query and the table for this kind of file."""
    found = next((_KINDS[column] for column in _KINDS if column in head.names), None)
    if found is None:
        raise BadInput(f"{path} is no export of Stripe's that is understood here.", _KNOWN)
    kind, query, table = found
    if kind not in accepted:
        raise BadInput(f"{path} is {kind.value}.", f"Needed is {' or '.join(each.value for each in accepted)}.")
    if missing := [name for name in COLUMNS[kind] if name not in head.names]:
        raise BadInput(
            f"{path} is {kind.value}, but lacks {', '.join(missing)}.", "Export it again with all of its columns."
        )
    return query, table


def _unreadable(path: Path, message: str) -> BadInput:
    """The engine's error in a sentence, with the line where it says one."""
    where = re.search(r"CSV Error on Line: (\d+)", message)
    columns = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if where and columns:
        return BadInput(f"{path}, line {where[1]}: {columns[2]} columns instead of {columns[1]}.", _NOT_WHOLE)
    if where and "unterminated quote" in message:
        return BadInput(f"{path}, line {where[1]}: a quote is never closed.", _NOT_WHOLE)
    return BadInput(f"{path} cannot be read: {message.splitlines()[0]}", _KNOWN)


def _macros() -> tuple[str, ...]:
    """`minor(text, currency)`: an amount that would have to be rounded is an error, not an amount."""
    cases = " ".join(f"when '{currency}' then {digits}" for currency, digits in sorted(SPECIAL_EXPONENTS.items()))
    return (
        f"create or replace macro digits(currency) as case lower(currency) {cases} else 2 end",
        "create or replace macro scaled(amount, currency) as "
        "replace(coalesce(amount, '0'), ',', '.')::decimal(38, 15) * power(10, digits(currency))::bigint",
        "create or replace macro minor(amount, currency) as case when amount is null then null "
        "when scaled(amount, currency) <> trunc(scaled(amount, currency)) then "
        "error('the amount ' || amount || ' has more decimals than ' || currency) "
        "else scaled(amount, currency)::bigint end",
        "create or replace macro instant(text) as epoch(text::timestamp)::bigint",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
