"""Amounts as files have them: how one was written is settled for a whole file, never guessed for one value."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import product
from typing import NamedTuple

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import exponent

_REMEMBERED = 100_000
_AGAIN = "Export the file from Stripe again, and give it here before a spreadsheet saves it."
_BLANKS = "\\u0020\\u00a0\\u2009\\u202f"
# A mark between thousands, and the characters that it is written with.
_THOUSANDS = {",": ",", ".": ".", "'": "'\u2019", " ": _BLANKS}
_SIGNS = "+\\-\u2212"
_CODE = re.compile("[a-z]{3}")
# Characters beside a number; its letters must be the row's currency.
_AROUND = "[^0-9.,'\u2019()" + _SIGNS + "]*"
_DRESSED = re.compile(
    rf"(?P<open>\()?[{_BLANKS}]*(?P<before>{_AROUND})(?P<lead>[{_SIGNS}]?)(?P<inner>{_AROUND})"
    rf"(?P<number>[.,]?[0-9](?:[0-9.,'\u2019{_BLANKS}]*[0-9])?)"
    rf"(?P<after>{_AROUND})(?P<trail>[{_SIGNS}]?)(?P<behind>{_AROUND})(?P<close>\))?"
)
_DOLLARS = (
    "usd aud bbd bmd bnd bsd bzd cad fjd gyd hkd jmd kyd lrd nad nzd sbd sgd srd ttd twd xcd "
    "ars clp cop cve dop mxn uyu mop top"
)
_SIGNS_OF: Mapping[str, str] = {
    "$": _DOLLARS, "€": "eur", "£": "gbp egp fkp gip lbp shp", "¥": "jpy cny", "￥": "jpy cny", "円": "jpy",
    "₹": "inr", "₩": "krw", "₫": "vnd", "₪": "ils", "₱": "php", "฿": "thb", "₴": "uah", "₦": "ngn", "₺": "try",
    "₽": "rub", "zł": "pln", "kr": "dkk isk nok sek", "kr.": "dkk", "kč": "czk", "ft": "huf", "lei": "ron mdl",
    "r$": "brl", "br$": "brl", "us$": "usd", "$us": "usd",
    "$ca": "cad", "$au": "aud", "a$": "aud", "ca$": "cad", "hk$": "hkd", "mx$": "mxn", "nz$": "nzd", "s$": "sgd",
    "nt$": "twd", "fr": "chf", "fr.": "chf", "sfr.": "chf", "r": "zar", "rm": "myr", "rp": "idr", "s/": "pen",
}  # fmt: skip


class Marks(NamedTuple):
    """How numbers are written: `decimal` is a point or a comma, `thousands` one of `,` `.` `'` and blank."""

    decimal: str
    thousands: str


_ALL_MARKS = tuple(
    Marks(decimal, thousands) for decimal, thousands in product(".,", _THOUSANDS) if decimal != thousands
)
POINT_MARKS = frozenset(marks for marks in _ALL_MARKS if marks.decimal == ".")
# One of each number of decimals.
_SOME_CURRENCIES = ("jpy", "usd", "kwd")


@dataclass(frozen=True)
class Place:
    """Where a value stands: the first line of a file is 1."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.text!r}"


@lru_cache(maxsize=_REMEMBERED)
def readings(text: str, currency: str) -> Mapping[Marks, int]:
    """The possible values of a written amount, in minor units of `currency`, by the marks that could have written it.

    Three digits behind a mark are decimals in a currency of three decimals only. Raises BadInput if it is no amount.
    """
    number, sign = _undressed(text, currency)
    found = {marks: _scaled(plain, currency) for marks in _ALL_MARKS if (plain := _plain(number, marks, currency))}
    if not found:
        raise BadInput(_why_unread(text, currency), _AGAIN)
    return {marks: sign * minor for marks, minor in found.items()}


def is_written_amount(text: str, marks: Collection[Marks] = _ALL_MARKS) -> bool:
    """Whether these marks could have written it in some currency."""
    try:
        number, _, words = _parts(text)
    except BadInput:
        return False
    named = all(_CODE.fullmatch(word) or word in _SIGNS_OF for word in words)
    return named and any(_plain(number, each, currency) for each in marks for currency in _SOME_CURRENCIES)


@dataclass
class Convention:
    """The marks of one file, narrowed by every amount in it.

    `agree` with every value first; `minor` then reads each of them.
    """

    _marks: frozenset[Marks] = frozenset(_ALL_MARKS)
    _narrowed_by: Place | None = None
    # Values that agreed with the marks as they are, of which most files have many alike.
    _agreed: set[tuple[str, str]] = field(default_factory=set)
    # The first value of each kind that the marks disagree about.
    _open: dict[frozenset[frozenset[Marks]], tuple[Place, Mapping[Marks, int]]] = field(default_factory=dict)

    def agree(self, text: str, currency: str, line: int, column: str) -> None:
        """Raises BadInput if the value is no amount, or was written in another way than those before."""
        if (text, currency) in self._agreed:
            return
        place = Place(line, column, text)
        try:
            found = readings(text, currency)
        except BadInput as error:
            raise BadInput(f"{place} {error.message}", error.next_step) from None
        left = self._marks & found.keys()
        if not left and self._narrowed_by is None:
            raise BadInput(f"{place} {_why_unread(text, currency)}", _AGAIN)
        if not left:
            raise BadInput(f"{place} is written in another way than {self._narrowed_by}.", _AGAIN)
        if left != self._marks:
            self._marks, self._narrowed_by = left, place
            self._agreed.clear()
        if len({found[marks] for marks in left}) > 1:
            self._open.setdefault(_split(found), (place, found))
        if len(self._agreed) < _REMEMBERED:
            self._agreed.add((text, currency))

    def settle(self) -> None:
        """Raises BadInput if a value could still be read in two ways."""
        for place, found in self._open.values():
            if len(amounts := {found[marks] for marks in self._marks}) > 1:
                first, second = sorted(amounts)[:2]
                raise BadInput(
                    f"{place} could be read in two ways, as {first:,} or {second:,} minor units, and no other amount "
                    f"of the file shows which.",
                    _AGAIN,
                )

    def minor(self, text: str, currency: str) -> int:
        """An amount that agreed, in minor units of `currency`."""
        return readings(text, currency)[self._any_marks]

    @classmethod
    def of_points(cls) -> "Convention":
        """Of a file that writes decimals with a point."""
        return cls(POINT_MARKS)

    @cached_property
    def _any_marks(self) -> Marks:
        """Those that are left read every value alike."""
        return min(self._marks)


def _split(found: Mapping[Marks, int]) -> frozenset[frozenset[Marks]]:
    """Which marks read the value alike."""
    return frozenset(frozenset(m for m, minor in found.items() if minor == one) for one in found.values())


def _undressed(text: str, currency: str) -> tuple[str, int]:
    """The digits with their marks, and 1 or -1. The words beside them are its currency's code or sign."""
    number, sign, words = _parts(text)
    for word in words:
        if word != currency and currency not in _SIGNS_OF.get(word, "").split():
            raise BadInput(f"is no amount in {currency.upper()}.", _AGAIN)
    return number, sign


def _parts(text: str) -> tuple[str, int, list[str]]:
    """The digits with their marks, 1 or -1, and the words beside them in lower case.

    A leading apostrophe is how spreadsheets mark text.
    """
    found = _DRESSED.fullmatch(text.strip().removeprefix("'"))
    if found is None:
        raise BadInput("is no amount.", _AGAIN)
    signs = [found[name] for name in ("lead", "trail") if found[name]]
    bracketed = bool(found["open"])
    if len(signs) + bracketed > 1 or bracketed != bool(found["close"]):
        raise BadInput("has more than one sign, or half a pair of parentheses.", _AGAIN)
    words = " ".join(found[name] for name in ("before", "inner", "after", "behind")).lower().split()
    return found["number"], -1 if bracketed or (signs and signs[0] != "+") else 1, words


def _plain(number: str, marks: Marks, currency: str) -> str:
    """The number with a point and no other mark, or nothing if these marks did not write it."""
    whole, _, fraction = number.partition(marks.decimal)
    if (fraction and not fraction.isdigit()) or number.endswith(marks.decimal):
        return ""
    if (len(fraction) == 3 and exponent(currency) != 3) or len(fraction.rstrip("0")) > exponent(currency):
        return ""
    digits = whole if whole.isdigit() or not whole else _ungrouped(whole, marks.thousands)
    return f"{digits or '0'}.{fraction or '0'}" if digits or not whole else ""


def _ungrouped(whole: str, thousands: str) -> str:
    """Groups of three, or in the Indian way of two before the last three; the first has no leading zero."""
    parts = re.split(f"[{_THOUSANDS[thousands]}]", whole)
    first, middle, last = parts[0], parts[1:-1], parts[-1]
    if len(parts) < 2 or len(last) != 3 or first[:1] == "0" or not all(part.isdigit() for part in parts):
        return ""
    alike = any(len(first) <= size and all(len(part) == size for part in middle) for size in (3, 2))
    return "".join(parts) if alike else ""


def _scaled(plain: str, currency: str) -> int:
    return int(Decimal(plain).scaleb(exponent(currency)))


def _why_unread(text: str, currency: str) -> str:
    decimals = exponent(currency)
    if re.search(r"[.,]\d+\D*$", text):
        return f"has more decimals than {currency.upper()}, which has {decimals or 'none'}, or marks in odd places."
    return "has marks in odd places for an amount."
