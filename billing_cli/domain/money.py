"""Money: whole minor units and a currency. It never passes through a float.

Currencies are Stripe's: https://docs.stripe.com/currencies lists those without decimals, those with
three, and those that have no minor unit but are still written with two digits.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from billing_cli.domain.errors import BadInput

_ZERO_DECIMALS = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Digits behind the point where they are not two.
SPECIAL_EXPONENTS = {**dict.fromkeys(_ZERO_DECIMALS, 0), **dict.fromkeys(_THREE_DECIMALS, 3)}
# Written with two digits in the API, both of them 0: these currencies have no minor unit any more.
_WHOLE_IN_HUNDREDTHS = frozenset(("isk", "ugx"))
# Stripe takes at most twelve digits for the largest currencies.
_MAX_MINOR = 10**12 - 1
_PLAIN_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, order=True)
class Money:
    """`amount_minor` in the currency's smallest unit as Stripe's API counts it; `currency` in lower case."""

    amount_minor: int
    currency: str

    def document(self) -> dict[str, object]:
        return {"amount_minor": self.amount_minor, "currency": self.currency}

    @property
    def text(self) -> str:
        """For people: `12.50 USD`."""
        return f"{major(self)} {self.currency.upper()}"


def currency_code(text: str) -> str:
    """An ISO 4217 code in lower case. Raises BadInput for what cannot be one."""
    if not re.fullmatch(r"[A-Za-z]{3}", text, re.ASCII):
        raise BadInput(f"{text!r} is no currency.", "Use its three letters, for example usd.")
    return text.lower()


def exponent(currency: str) -> int:
    """How many digits of an amount in minor units are behind the point: 0, 2 or 3."""
    return SPECIAL_EXPONENTS.get(currency, 2)


def is_plain_number(text: str) -> bool:
    """Whether it is an amount in some currency: digits, and a point."""
    return bool(_PLAIN_NUMBER.fullmatch(text))


def parse_major(text: str, currency: str) -> Money:
    """`12.50` usd is 1250 minor units. Raises BadInput for what the currency or Stripe does not have."""
    if not is_plain_number(text):
        raise BadInput(f"{text!r} is no amount.", "Use plain digits and a point, for example 12.50.")
    digits = exponent(currency)
    try:
        amount = Decimal(text).scaleb(digits)
    except InvalidOperation:
        raise BadInput(f"{text!r} is no amount.", "Use plain digits and a point, for example 12.50.") from None
    if amount != amount.to_integral_value():
        raise BadInput(
            f"{text} has more decimals than {currency.upper()}, which has {digits or 'none'}.",
            f"Round it yourself: this program never does. {currency.upper()} amounts look like {_example(currency)}.",
        )
    return checked(Money(int(amount), currency))


def checked(money: Money) -> Money:
    """The same money. Raises BadInput where Stripe would refuse the amount in this currency."""
    amount, name = money.amount_minor, money.currency.upper()
    if amount <= 0:
        raise BadInput("An amount must be more than nothing.")
    if amount > _MAX_MINOR:
        raise BadInput(f"{money.text} is more than Stripe takes.", "Check the amount and its unit.")
    if money.currency in _WHOLE_IN_HUNDREDTHS and amount % 100:
        raise BadInput(
            f"{name} has no minor unit: {major(money)} is not possible.",
            "Use a whole number, in minor units times 100.",
        )
    if money.currency in _THREE_DECIMALS and amount % 10:
        raise BadInput(f"Stripe takes {name} with two decimals only: {major(money)} is not possible.", "Round it to 0.")
    return money


def major(money: Money) -> str:
    """Major units as plain text: `12.50`, `-3`, `1.250`; no thousands mark."""
    digits = exponent(money.currency)
    sign, number = ("-", -money.amount_minor) if money.amount_minor < 0 else ("", money.amount_minor)
    if not digits:
        return f"{sign}{number}"
    whole, fraction = divmod(number, 10**digits)
    return f"{sign}{whole}.{fraction:0{digits}d}"


def totals(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """One sum a currency, in the order of their codes: currencies are never added up."""
    sums: dict[str, int] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, 0) + money.amount_minor
    return tuple(Money(amount_minor, currency) for currency, amount_minor in sorted(sums.items()))


def _example(currency: str) -> str:
    return major(Money(1250, currency))
