"""Counts, quantities, durations and instants as people read them."""

from collections.abc import Sequence
from decimal import Decimal

from billing_cli.domain.quantity import plain

_BARS = "▁▂▃▄▅▆▇█"


def grouped(quantity: Decimal | int) -> str:
    """Thousands apart, no digit lost: `1,234,567.25`."""
    text = plain(Decimal(quantity))
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def sparkline(values: Sequence[Decimal]) -> str:
    """One bar a value, from nothing to the highest; negative values lie on the floor."""
    top = max(values, default=Decimal(0))
    if top <= 0:
        return _BARS[0] * len(values)
    last = len(_BARS) - 1
    return "".join(_BARS[max(0, min(last, int(value / top * last)))] for value in values)


def hours_left(seconds: int | None) -> str:
    """`-` where no window runs, `over` where it has closed."""
    if seconds is None:
        return "-"
    if seconds <= 0:
        return "over"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"


def minute(instant: str) -> str:
    """`2026-11-01 13:00Z` of the database's text."""
    return f"{instant[:10]} {instant[11:16]}Z"
