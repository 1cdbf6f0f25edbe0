"""Money as people read it, and in colour."""

from billing_cli.domain.money import Money, major


def shown(money: Money) -> str:
    """Thousands apart, with the currency: `1,250.00 USD`."""
    text = major(money)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction} {money.currency.upper()}"


def shown_fact(value: object) -> str:
    """A fact of a plan: money, or text as it is."""
    return shown(value) if isinstance(value, Money) else str(value)
