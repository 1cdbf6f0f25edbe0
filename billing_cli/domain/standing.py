"""How an object stands in Stripe: amounts and states, by the names an operator reads, compared before money moves.

A standing is JSON. It is kept with the intent, so that another run can compare it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from billing_cli.domain.money import Money

Standing = Mapping[str, Any]


def amounts(currency: str, **minor: int) -> dict[str, object]:
    """Amounts in minor units of `currency`, by their names; an underscore stands for a blank."""
    return {name.replace("_", " "): Money(value, currency).document() for name, value in minor.items()}


def changes(before: Standing, now: Standing) -> Sequence[str]:
    """The names whose values differ, each with both values."""
    names = [*before, *(name for name in now if name not in before)]
    return [
        f"{name} was {_text(before.get(name))} and is {_text(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return Money(value["amount_minor"], value["currency"]).text
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
