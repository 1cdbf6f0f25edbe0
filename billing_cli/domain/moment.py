"""Points in time as operators type them: `2h` ago, or an instant."""

import re
from datetime import UTC, datetime, timedelta

from billing_cli.domain.errors import BadInput

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def moment(text: str, option: str, now: datetime) -> datetime:
    """`30m`, `2h` or `3d` before now, or ISO 8601 (UTC unless it says otherwise). Raises BadInput."""
    try:
        if found := re.fullmatch(r"(\d{1,6})([mhd])", text):
            return now - int(found[1]) * _UNITS[found[2]]
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadInput(f"{option} {text!r} is no point in time.", "Write 2h, 3d or 2026-11-24T09:00Z.") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
