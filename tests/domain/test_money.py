"""Money: exact, in the currency's own digits, never through a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.cli.app import run
from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money, currency_code, exponent, major, parse_major, totals
from billing_cli.render.money import shown


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "usd", 1250),
        ("12.5", "usd", 1250),
        ("0.01", "eur", 1),
        ("1250", "jpy", 1250),
        ("12.00", "jpy", 12),
        ("1.250", "bhd", 1250),
        ("1.25", "kwd", 1250),
        ("12", "isk", 1200),
        ("9007199254.74", "usd", 900719925474),
    ],
)
def test_major_units_become_minor_ones(text: str, currency: str, minor: int) -> None:
    assert parse_major(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.505", "usd"),
        ("12.5", "jpy"),
        ("1.255", "bhd"),
        ("12.50", "isk"),
        ("12.50", "ugx"),
        ("0", "usd"),
        ("0.00", "usd"),
        ("-1", "usd"),
        ("+1", "usd"),
        ("1e3", "usd"),
        ("1,000", "usd"),
        ("1 000", "usd"),
        ("٣", "usd"),
        ("", "usd"),
        (".5", "usd"),
        ("5.", "usd"),
        ("nan", "usd"),
        ("inf", "usd"),
        ("12.50 ", "usd"),
        ("99999999999.99", "usd"),
        ("9" * 400, "usd"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(BadInput):
        parse_major(text, currency)


def test_nothing_is_no_amount_and_only_adjust_speaks_of_charge_and_credit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput) as refused:
        parse_major("0", "usd")
    assert (refused.value.message, refused.value.next_step) == ("An amount must be more than nothing.", "")
    assert run(["adjust", "co_1", "credit", "--amount", "-5", "--currency", "usd", "--reason", "Outage"]) == 2
    assert "Charge or credit says which way it goes." in capsys.readouterr().err


@given(st.integers(1, 10**12 - 1), st.sampled_from(["usd", "jpy", "bhd", "isk", "eur", "clp", "tnd", "ugx"]))
def test_what_is_shown_is_read_back_the_same(minor: int, currency: str) -> None:
    step = {"bhd": 10, "tnd": 10, "isk": 100, "ugx": 100}.get(currency, 1)
    money = Money(max(step, minor - minor % step), currency)
    assert parse_major(major(money), currency) == money


@given(st.text(max_size=30), st.sampled_from(["usd", "jpy", "bhd"]))
def test_any_text_is_an_amount_or_refused_in_a_sentence(text: str, currency: str) -> None:
    try:
        money = parse_major(text, currency)
    except BadInput:
        return
    assert money.amount_minor > 0
    assert text.isascii()


def test_currencies_are_never_added_up() -> None:
    sums = totals([Money(1, "usd"), Money(2, "eur"), Money(3, "usd")])
    assert sums == (Money(2, "eur"), Money(4, "usd"))


@pytest.mark.parametrize("text", ["us", "usdd", "u$d", "", "ｕsd"])
def test_a_currency_has_three_letters(text: str) -> None:
    with pytest.raises(BadInput):
        currency_code(text)


def test_exponents_are_stripes() -> None:
    assert [exponent(currency) for currency in ("usd", "jpy", "kwd", "isk", "huf")] == [2, 0, 3, 2, 2]


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(-350, "usd"), "-3.50 USD"),
        (Money(-5, "usd"), "-0.05 USD"),
        (Money(123456789, "usd"), "1,234,567.89 USD"),
        (Money(1250, "jpy"), "1,250 JPY"),
        (Money(0, "eur"), "0.00 EUR"),
        (Money(-1250, "bhd"), "-1.250 BHD"),
    ],
)
def test_people_see_sign_digits_and_currency(money: Money, text: str) -> None:
    assert shown(money) == text
