"""Instants as files have them: ISO 8601 only, because every other form leaves the order of day and month open."""

import re
from datetime import UTC, datetime

from billing_cli.domain.errors import BadInput

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)
_OTHER_ORDER = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b.*", re.ASCII)
_AGAIN = "Export the file from Stripe again with the time zone UTC, and give it here before a spreadsheet saves it."


def read_instant(text: str) -> datetime:
    """`2026-10-03 10:00`, with or without seconds; UTC unless an offset follows. Raises BadInput otherwise."""
    if not _ISO.fullmatch(text):
        if _OTHER_ORDER.fullmatch(text):
            raise BadInput("could be read with the day or with the month first.", _AGAIN)
        raise BadInput("is no instant such as 2026-10-03 10:00:00.", _AGAIN)
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "Z").replace(" Z", "Z"))
    except ValueError:
        found = _spaced(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _spaced(text: str) -> datetime:
    """With a blank before the offset."""
    try:
        return datetime.fromisoformat(re.sub(r" (?=[+-])", "", text))
    except ValueError:
        raise BadInput("is no day or time that exists.", _AGAIN) from None
