"""Credit grants: credit that Stripe takes off metered prices, on the invoices of their usage, until it expires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money
from billing_cli.domain.period import instant_of

# https://docs.stripe.com/api/billing/credit-grant/create
_MOST_PRICES = 20
_NAME_CHARS = 100


@dataclass(frozen=True)
class GrantTerms:
    """When it expires, None for never, and the prices that it is for: all metered ones if there are none."""

    expires_at: datetime | None = None
    prices: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        return {"expires_at": self.expires_at.isoformat() if self.expires_at else None, "prices": list(self.prices)}

    @property
    def words(self) -> list[str]:
        """The options of a command line."""
        words = ["--expires", self.expires_at.isoformat()] if self.expires_at else []
        return words + [word for price in self.prices for word in ("--price", price)]


# For all metered prices, and for ever.
PLAIN_TERMS = GrantTerms()


def grant_terms(expires: str | None, prices: Sequence[str], now: datetime) -> GrantTerms:
    """As given; a bare date includes that day. Raises BadInput for an instant that is over, and for odd prices."""
    expires_at = instant_of(expires, "--expires", through_day=True) if expires is not None else None
    if expires_at is not None and expires_at <= now:
        raise BadInput(f"--expires {expires} is over already.", "Give a day to come, or leave it out.")
    named = tuple(dict.fromkeys(prices))
    if wrong := [price for price in named if not price.startswith("price_")]:
        raise BadInput(f"{wrong[0]!r} is no price of Stripe's.", "Its ids begin with price_: billing plans list.")
    if len(named) > _MOST_PRICES:
        raise BadInput(f"A credit grant takes {_MOST_PRICES} prices, and these are {len(named)}.", "Leave --price out.")
    return GrantTerms(expires_at, named)


def grant_request(customer_id: str, money: Money, reason: str, terms: GrantTerms) -> dict[str, object]:
    """Stripe's parameters. `name` is shown in the Dashboard only, and is cut where Stripe would refuse it."""
    scope: dict[str, object] = {"price_type": "metered"}
    if terms.prices:
        scope = {"prices": [{"id": price} for price in terms.prices]}
    expires = {"expires_at": int(terms.expires_at.timestamp())} if terms.expires_at else {}
    return {
        "customer": customer_id,
        "amount": {"type": "monetary", "monetary": {"value": money.amount_minor, "currency": money.currency}},
        "applicability_config": {"scope": scope},
        "category": "promotional",
        "name": reason[:_NAME_CHARS],
        **expires,
    }


def grant_facts(terms: GrantTerms) -> Mapping[str, object]:
    """For the plan."""
    return {
        "for": ", ".join(terms.prices) or "all metered prices",
        "expires": terms.expires_at.isoformat() if terms.expires_at else "never",
    }


def terms_of(document: Mapping[str, Any], now: datetime) -> GrantTerms:
    """Of a plan file."""
    return grant_terms(document["expires_at"], document["prices"], now.astimezone(UTC))
