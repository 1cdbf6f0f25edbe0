"""CSV files that people open in a spreadsheet, or that a spreadsheet wrote."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from billing_cli.domain.errors import BadInput

SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(rf'"?sep=([{SEPARATORS}])"?[ \t,;]*(\r\n|\n|\r|$)', re.IGNORECASE)
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

# Blanks, control and format characters, and letters without a shape: a program may drop them before it looks for a
# formula. Ranges of a character class that Python and the comparison's engine read alike.
_UNSEEN = (
    "\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u1680"
    "\u17b4-\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
# With their small and full-width forms, and the minus of typography; a tab or a line's end begins a cell anew.
_STARTS = "=+@\\-\\t\\r\\n\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
FORMULA_START = f"^([{_UNSEEN}]*[{_STARTS}])"
_FORMULA = re.compile(FORMULA_START)


def neutral(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula: a quote goes before the text if it could.

    For text only; numbers are written as they are. Source: OWASP, CSV Injection.
    """
    return f"'{text}" if _FORMULA.match(text) else text


@dataclass(frozen=True)
class Table:
    """A CSV file: the columns' names in lower case, without unnamed ones at the end, and each row that is not blank.

    `width` counts the unnamed ones too. A row is its line in the file and its cells as they are, however many.
    """

    names: Sequence[str]
    width: int
    rows: Sequence[tuple[int, Sequence[str]]]
    separator: str


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16, with or without a byte order mark. Raises UnicodeDecodeError."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    first = content[:2]
    if len(first) == 2 and not all(first):
        return content.decode("utf-16-be" if not first[0] else "utf-16-le")
    return content.decode()


def separator_of(header: str) -> str:
    """The separator that a header line has most of."""
    return max(SEPARATORS, key=header.count)


def read_table(text: str) -> Table:
    """Understands a `sep=` line, any line ends, and blank lines. Raises BadInput if a quote is misplaced."""
    text = text.removeprefix("\ufeff")
    named = _SEPARATOR_LINE.match(text)
    body = text[named.end() :] if named else text
    separator = named[1] if named else separator_of(re.split(r"[\r\n]", body, maxsplit=1)[0])
    found = list(_records(body, separator, lines_before=1 if named else 0))
    header = found[0][1] if found else ()
    names = [name.strip().lower() for name in without_blank_end(header)]
    return Table(names, len(header), found[1:], separator)


def without_blank_end(cells: Sequence[str], least: int = 0) -> Sequence[str]:
    """Without the blank cells at the end that are beyond `least`."""
    end = len(cells)
    while end > least and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _records(body: str, separator: str, lines_before: int) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num + lines_before, cells
    except csv.Error as error:
        raise BadInput(f"The file is no CSV: line {reader.line_num + lines_before}: {error}.") from None
