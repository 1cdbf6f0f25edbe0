"""A written amount is read as itself or refused: for every locale and every kind of currency."""

from decimal import Decimal

import pytest
from babel import Locale, UnknownLocaleError, localedata
from babel.numbers import format_currency, format_decimal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money, exponent, major
from billing_cli.domain.written_amount import POINT_MARKS, Convention, is_written_amount
from billing_cli.domain.written_instant import read_instant

LOCALES = sorted(name for name in localedata.locale_identifiers() if "_" not in name or len(name) == 5)
CURRENCIES = ("usd", "eur", "chf", "gbp", "inr", "cad", "isk", "jpy", "krw", "clp", "kwd", "tnd", "bhd", "xof")
# Minor units beyond Stripe's limits, both ways.
amounts = st.integers(-(10**13), 10**13) | st.integers(-200_000, 200_000)


def read(currency: str, *texts: str) -> list[int]:
    convention = Convention()
    for line, text in enumerate(texts, 2):
        convention.agree(text, currency, line, "gross")
    convention.settle()
    return [convention.minor(text, currency) for text in texts]


def written(minor: int, currency: str, locale: Locale, dressed: bool) -> str:
    amount = Decimal(minor).scaleb(-exponent(currency))
    if dressed:
        # CLDR writes krónur without decimals; Stripe counts two.
        return format_currency(amount, currency.upper(), locale=locale, currency_digits=currency != "isk")
    return format_decimal(amount, f"#,##0.{'0' * exponent(currency)}".rstrip("."), locale=locale)


# A locale is read from its file at first.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(amounts, min_size=1, max_size=5), st.sampled_from(CURRENCIES), st.sampled_from(LOCALES), st.booleans())
def test_what_a_locale_writes_is_read_as_itself_or_refused(
    minors: list[int], currency: str, name: str, dressed: bool
) -> None:
    try:
        locale = Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return
    texts = [written(minor, currency, locale, dressed) for minor in minors]
    try:
        assert read(currency, *texts) == minors
    except BadInput:
        return


@pytest.mark.parametrize("dressed", [False, True])
@pytest.mark.parametrize("currency", ["usd", "eur", "chf", "inr", "sek", "brl"])
@pytest.mark.parametrize("name", ["en", "de", "de_CH", "fr", "it", "es", "pt_BR", "sv", "pl", "en_IN", "ja"])
def test_what_the_usual_locales_write_is_read_and_not_refused(name: str, currency: str, dressed: bool) -> None:
    minors = [123456789, 100000, -500, 12]
    texts = [written(minor, currency, Locale.parse(name), dressed) for minor in minors]
    assert read(currency, *texts) == minors


@settings(deadline=None)
@given(amounts, st.sampled_from(CURRENCIES))
def test_what_stripe_writes_is_read_as_itself(minor: int, currency: str) -> None:
    """A file of three-decimal amounts shows its mark by a fee below one."""
    zero = major(Money(0, currency))
    assert read(currency, major(Money(minor, currency)), zero) == [minor, 0]


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1,000", "usd", 100000),
        ("1.000", "usd", 100000),
        ("12,000", "jpy", 12000),
        ("1,234,567.8", "usd", 123456780),
        ("12,34,567.00", "inr", 123456700),
        ("1 234,50", "eur", 123450),
        ("(12.50)", "usd", -1250),
        ("($1,250.00)", "usd", -125000),
        ("-$5.00", "usd", -500),
        ("$-5.00", "usd", -500),
        ("5,00-", "eur", -500),
        ("12.50 USD", "usd", 1250),
        ("'-12.50", "usd", -1250),
        (".50", "usd", 50),
        ("1250.00", "jpy", 1250),
        ("¥12,000", "jpy", 12000),
        ("0.125", "kwd", 125),
    ],
)
def test_marks_signs_and_parentheses(text: str, currency: str, minor: int) -> None:
    assert read(currency, text) == [minor]


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("twelve", "usd"), ("", "usd"), ("-", "usd"), ("12.5051", "usd"), ("12.5", "jpy"),
        ("1.23E+05", "usd"), ("12.50 EUR", "usd"), ("€5.00", "usd"), ("--5.00", "usd"), ("(-5.00)", "usd"),
        ("(5.00", "usd"), ("1,2345.00", "usd"), ("0,125,000.00", "usd"), ("5%", "usd"), ("١٢٫٥٠", "usd"),
        ("1,234.567.890", "usd"), ("5.", "usd"), ("nan", "usd"), ("#REF!", "usd"), ("1'000,000.00", "usd"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(BadInput):
        read(currency, text)


def test_one_file_has_one_convention() -> None:
    assert read("kwd", "1.250", "0.100") == [1250, 100]
    assert read("kwd", "1.250", "1,5") == [1250000, 1500]
    for texts in (("1.250",), ("1.250,0", "1.50"), ("1,000.00", "1'000.00")):
        with pytest.raises(BadInput):
            read("kwd", *texts)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-10-03 10:00", "2026-10-03T10:00:00+00:00"),
        ("2026-10-03T10:00:00.5Z", "2026-10-03T10:00:00.500000+00:00"),
        ("2026-10-03 10:00:00 UTC", "2026-10-03T10:00:00+00:00"),
        ("2026-10-03 10:00:00 -0700", "2026-10-03T10:00:00-07:00"),
        ("2026-10-03", "2026-10-03T00:00:00+00:00"),
    ],
)
def test_iso_instants_are_read(text: str, iso: str) -> None:
    assert read_instant(text).isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["10/03/2026", "03.10.2026 10:00", "3-10-26", "2026-13-01", "2026-10-03 25:00", "46298.41", "20261003", "Oct 3",
     "2026-10-03 10:00 PST", "2026-10-03 10:00 PM", "2026-W40-6"],
)  # fmt: skip
def test_other_orders_of_day_and_month_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_instant(text)


@pytest.mark.parametrize("text", ["12.50", "12,50", "1'234.50", "(5)", "$12", "12.50 EUR", "-3", "1.250", "'7"])
def test_what_some_currency_writes_is_an_amount(text: str) -> None:
    assert is_written_amount(text)


@pytest.mark.parametrize("text", ["", "x", "1x", "1.2.3", "1,2,3.4", "1e5", "12..5", "١٢", "+-1", "12 dollars"])
def test_what_no_currency_writes_is_none(text: str) -> None:
    assert not is_written_amount(text)


@pytest.mark.parametrize(("text", "points"), [("12.50", True), ("12,50", False), ("1,250.5", True), ("1.250,5", False)])
def test_a_decimal_comma_is_none_of_a_file_of_points(text: str, points: bool) -> None:
    assert is_written_amount(text, POINT_MARKS) == points


def test_a_file_of_points_refuses_a_comma_with_its_place() -> None:
    with pytest.raises(BadInput, match=r"line 2, column amount: '12\.500' has more decimals than USD, which has 2"):
        Convention.of_points().agree("12.500", "usd", 2, "amount")
