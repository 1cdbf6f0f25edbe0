"""Exact usage quantities: decimals that are never rounded and never pass through a float."""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

# Wide enough for any sum of Postgres numerics met in practice; a rounding would raise, not slip by.
_EXACT = Context(prec=400, traps=[Inexact])


def exact_sum(quantities: Iterable[Decimal]) -> Decimal:
    """The sum without rounding. Raises decimal.Inexact rather than losing a digit."""
    total = Decimal(0)
    for quantity in quantities:
        total = _EXACT.add(total, quantity)
    return total


def plain(quantity: Decimal) -> str:
    """The quantity as plain digits, without exponent or trailing zeros: `1200`, `0.25`, `-3`."""
    text = format(quantity, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
