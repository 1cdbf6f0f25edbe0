"""Reading an operator's usage rows from CSV; an error names line and column."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from billing_cli.domain.errors import BadInput

REQUIRED = ("company_id", "meter", "quantity", "occurred_at")
OPTIONAL = ("source_id",)


class Usage(NamedTuple):
    company_id: str
    meter: str
    quantity: Decimal
    occurred_at: datetime
    source_id: str | None


def read_usage(path: Path) -> Iterator[Usage]:
    """Rows in file order. An instant without a zone is UTC. Raises BadInput."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, reader.fieldnames or [])
            for row in reader:
                yield _usage(path, reader.line_num, row)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is no UTF-8 CSV file: {error}.", "Save it as CSV in UTF-8.") from None


def _check_header(path: Path, found: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in found]
    unknown = [name for name in found if name not in REQUIRED + OPTIONAL]
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise BadInput(
            f"{path} line 1: the header {what}.",
            f"Columns are {', '.join(REQUIRED)} and, if you like, {', '.join(OPTIONAL)}.",
        )


def _usage(path: Path, line: int, row: dict[str, str | None]) -> Usage:
    if None in row or None in [row[name] for name in REQUIRED]:
        raise BadInput(f"{path} line {line}: the row has not as many columns as the header.", "Mend it.")
    text = {name: (value or "").strip() for name, value in row.items()}
    for name in ("company_id", "meter"):
        if not text[name]:
            raise _bad(path, line, name, text[name], "is empty")
    return Usage(
        text["company_id"],
        text["meter"],
        _quantity(path, line, text["quantity"]),
        _instant(path, line, text["occurred_at"]),
        text.get("source_id") or None,
    )


def _quantity(path: Path, line: int, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _bad(path, line, "quantity", text, "is not a number") from None
    if not value.is_finite():
        raise _bad(path, line, "quantity", text, "is not a finite number")
    return value


def _instant(path: Path, line: int, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(path, line, "occurred_at", text, "is not an ISO 8601 instant") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _bad(path: Path, line: int, column: str, text: str, what: str) -> BadInput:
    return BadInput(f"{path} line {line}, column {column}: {text!r} {what}.", "Mend the file; nothing was loaded.")
