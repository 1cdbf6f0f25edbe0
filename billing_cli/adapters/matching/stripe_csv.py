"""CSV files that Stripe writes: which kind a file is, and how its major units become minor ones."""

from collections.abc import Callable, Collection
from pathlib import Path

import duckdb

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import SPECIAL_EXPONENTS
from billing_cli.domain.stripe_export import ExportKind

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


def load_csv(
    db: duckdb.DuckDBPyConnection, path: Path, accepted: Collection[ExportKind], sql: Callable[[str], str]
) -> None:
    """Fills the table that the file is for. Raises BadInput naming what is wrong."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.", "Check --stripe-csv.")
    try:
        db.execute(
            "create or replace view file as from read_csv($path, all_varchar = true, header = true)".replace(
                "$path", _quoted(str(path))
            )
        )
        columns = {row[0] for row in db.execute("describe file").fetchall()}
        found = next((_KINDS[column] for column in _KINDS if column in columns), None)
        if found is None:
            raise BadInput(f"{path} is no export of Stripe's that is understood here.", _KNOWN)
        kind, query, table = found
        if kind not in accepted:
            raise BadInput(f"{path} is {kind.value}.", f"Needed is {' or '.join(each.value for each in accepted)}.")
        for macro in _macros():
            db.execute(macro)
        db.execute(f"insert into {table} by name {sql(query)}")
    except duckdb.Error as error:
        raise BadInput(f"{path} cannot be read: {str(error).splitlines()[0]}", _KNOWN) from None


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
