"""A CSV file of refunds, and the CSV file of what became of them.

Columns: payment (pi_… or a charge), reason; and optionally amount (major units) or amount_minor, note, company.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import Intent
from billing_cli.domain.masking import holds_secret
from billing_cli.domain.money import major
from billing_cli.domain.refund import CHARGES, RefundLine, RefundReason
from billing_cli.domain.spreadsheet import Table, neutral, read_table, without_blank_end
from billing_cli.domain.written_amount import POINT_MARKS, Convention, is_written_amount

_COLUMNS = ("payment", "reason", "amount", "amount_minor", "note", "company")
_NEEDED = ("payment", "reason")
_MAX_LINES = 10_000
_SHOWN_ERRORS = 20
_DIGITS = re.compile("[0-9]+")
_RESULT_COLUMNS = (
    "line", "payment", "company", "amount", "amount_minor", "currency", "reason", "note",
    "state", "stripe_object_id", "stripe_status", "intent_id", "request_id", "error",
)  # fmt: skip


def read_refund_lines(text: str) -> list[RefundLine]:
    """All lines, or BadInput naming every line that cannot be read. A payment stands on one line only.

    Amounts are as written. In a file with semicolons, of which `convention_of` tells, they may have a decimal comma.
    """
    table = read_table(text)
    _check_table(table)
    lines: list[RefundLine] = []
    errors: list[str] = []
    seen: dict[str, int] = {}
    for number, cells in table.rows:
        row = dict(zip(table.names, (cell.strip() for cell in cells), strict=False))
        if faults := _cells_faults(table, cells) or _secrets(row) or list(_faults(row, table.separator)):
            errors += [f"line {number}: {fault}" for fault in faults]
            continue
        line = _line(number, row)
        if line.payment_intent_id in seen:
            errors.append(f"line {number}: {line.payment_intent_id} is on line {seen[line.payment_intent_id]} already.")
        seen.setdefault(line.payment_intent_id, number)
        lines.append(line)
    if errors:
        more = f"\n… and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
        raise BadInput(
            "The file cannot be used; nothing was written.\n" + "\n".join(errors[:_SHOWN_ERRORS]) + more,
            "Correct these lines. Give a payment that stands twice one line with the sum.",
        )
    if not lines:
        raise BadInput("The file has no lines to refund.", f"Its first line names the columns: {', '.join(_COLUMNS)}.")
    return lines


def convention_of(text: str) -> Convention:
    """How the amounts of a file may be written: with a decimal comma only if semicolons separate its cells."""
    return Convention() if read_table(text).separator == ";" else Convention.of_points()


def _check_table(table: Table) -> None:
    _check_columns(table.names)
    if len(table.rows) > _MAX_LINES:
        raise BadInput(f"The file has more than {_MAX_LINES:,} lines.", "Split it.")


def _check_columns(names: Sequence[str]) -> None:
    if not names:
        raise BadInput("The file is empty.", f"Its first line names the columns, of: {', '.join(_COLUMNS)}.")
    missing = [name for name in _NEEDED if name not in names]
    unknown = [name for name in names if name not in _COLUMNS]
    if missing or unknown or len(set(names)) < len(names):
        said = (
            f"has no column {missing[0]}" if missing else f"has columns that are not understood: {', '.join(unknown)}"
        )
        raise BadInput(
            f"The file {said if missing or unknown else 'has a column twice'}.",
            f"Its first line names the columns, of: {', '.join(_COLUMNS)}.",
        )


def _cells_faults(table: Table, cells: Sequence[str]) -> list[str]:
    """For more or fewer cells than columns, not counting blank ones at the end.

    If commas separate the cells, such a blank is counted unless the header has it too: a comma in a number or a text
    makes a cell more, and would move another value under the name of an amount.
    """
    needed = len(table.names)
    if len(cells) > needed and (amount := _split_amount(table, cells)):
        return [f"its amount {amount} has a decimal comma: use a point."]
    may_end_blank = table.separator != "," or len(cells) == table.width
    found = len(without_blank_end(cells, needed)) if may_end_blank else len(cells)
    if found == needed:
        return []
    return [f"it has {found} cells instead of {needed}; text with the separator stands in quotes."]


def _split_amount(table: Table, cells: Sequence[str]) -> str | None:
    """An amount whose comma was taken for the separator."""
    if table.separator != "," or "amount" not in table.names:
        return None
    place = table.names.index("amount")
    whole, fraction = (cell.strip() for cell in cells[place : place + 2])
    return f"{whole},{fraction}" if _DIGITS.fullmatch(whole) and _DIGITS.fullmatch(fraction) else None


def _secrets(row: Mapping[str, str]) -> list[str]:
    """Its cells are quoted in sentences, and a note is kept for good."""
    return [f"its {name} looks like a secret." for name, cell in row.items() if holds_secret(cell)]


def _faults(row: Mapping[str, str], separator: str) -> Iterator[str]:
    """All that the line shows by itself; what its payment allows is seen later."""
    payment, reason, amount, amount_minor = (
        row.get(name, "") for name in ("payment", "reason", "amount", "amount_minor")
    )
    if not payment.startswith(("pi_", *CHARGES)):
        yield f"{payment!r} is no payment intent and no charge."
    if reason not in set(RefundReason):
        yield f"{reason!r} is no reason: use {', '.join(RefundReason)}."
    if amount and not is_written_amount(amount):
        yield f"{amount!r} is no amount."
    elif amount and separator != ";" and not is_written_amount(amount, POINT_MARKS):
        yield f"its amount {amount} has a decimal comma: use a point."
    if amount_minor and not (amount_minor.isascii() and amount_minor.isdigit() and len(amount_minor) < 16):
        yield f"{amount_minor!r} is no amount in minor units."


def _line(number: int, row: Mapping[str, str]) -> RefundLine:
    amount_minor = row.get("amount_minor", "")
    return RefundLine(
        payment_intent_id=row["payment"],
        reason=RefundReason(row["reason"]),
        company_id=row.get("company") or None,
        amount=row.get("amount") or None,
        amount_minor=int(amount_minor) if amount_minor else None,
        note=row.get("note") or None,
        line_number=number,
    )


def result_csv(lines: Sequence[RefundLine], intents: Mapping[int | None, Intent]) -> str:
    """What became of every line, by its number. Text cells cannot become formulas."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_RESULT_COLUMNS)
    for line in lines:
        writer.writerow(_result(line, intents.get(line.line_number)))
    return out.getvalue()


def _result(line: RefundLine, intent: Intent | None) -> list[object]:
    asked = [line.line_number, neutral(intent.subject if intent else line.payment_intent_id)]
    said = [line.reason.value, neutral(line.note or "")]
    if intent is None:
        return [
            *asked,
            neutral(line.company_id or ""),
            neutral(line.amount or ""),
            line.amount_minor or "",
            "",
            *said,
            "unsent",
            *[""] * 5,
        ]
    money = intent.money
    texts = (intent.stripe_object_id, intent.stripe_status, intent.intent_id, intent.request_id, intent.error)
    return [
        *asked, neutral(intent.company_id), major(money), money.amount_minor, money.currency, *said,
        intent.state.value, *(neutral(text or "") for text in texts),
    ]  # fmt: skip
