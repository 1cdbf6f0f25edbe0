"""The terms of credit grants, and Stripe's parameters for them, as pure functions."""

from datetime import UTC, datetime

import pytest

from billing_cli.domain.credit_grant import PLAIN_TERMS, GrantTerms, grant_facts, grant_request, grant_terms, terms_of
from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
END_OF_2026 = datetime(2027, 1, 1, tzinfo=UTC)
PRICES = ("price_a", "price_b")


@pytest.mark.parametrize(
    ("given", "expires_at"),
    [
        (None, None),
        ("2026-12-31", END_OF_2026),
        ("2026-11-27", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-12-31T14:00+02:00", datetime(2026, 12, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_day_is_included(given: str | None, expires_at: datetime | None) -> None:
    assert grant_terms(given, [], NOW) == GrantTerms(expires_at)


@pytest.mark.parametrize("given", ["2026-11-26", "2026-11-27T12:00Z", "31.12.2026", "soon", ""])
def test_what_is_over_or_no_date_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match="--expires"):
        grant_terms(given, [], NOW)


@pytest.mark.parametrize("prices", [["prod_1"], [""], [f"price_{number}" for number in range(21)]])
def test_prices_that_stripe_would_not_take_are_refused(prices: list[str]) -> None:
    with pytest.raises(BadInput):
        grant_terms(None, prices, NOW)


def test_the_request_names_amount_scope_category_and_expiry() -> None:
    plain = grant_request("cus_1", Money(5000, "usd"), "outage", PLAIN_TERMS)
    assert plain == {
        "customer": "cus_1",
        "amount": {"type": "monetary", "monetary": {"value": 5000, "currency": "usd"}},
        "applicability_config": {"scope": {"price_type": "metered"}},
        "category": "promotional",
        "name": "outage",
    }
    some = grant_request("cus_1", Money(5000, "usd"), "x" * 300, GrantTerms(END_OF_2026, PRICES))
    assert some["applicability_config"] == {"scope": {"prices": [{"id": "price_a"}, {"id": "price_b"}]}}
    assert (some["expires_at"], some["name"]) == (int(END_OF_2026.timestamp()), "x" * 100)


@pytest.mark.parametrize("terms", [PLAIN_TERMS, GrantTerms(END_OF_2026, PRICES), GrantTerms(None, PRICES)])
def test_terms_come_back_from_a_plan_file_and_from_words(terms: GrantTerms) -> None:
    assert terms_of(terms.document(), NOW) == terms
    words = terms.words
    given = dict(zip(words[::2], words[1::2], strict=True))
    prices = [value for name, value in zip(words[::2], words[1::2], strict=True) if name == "--price"]
    assert grant_terms(given.get("--expires"), prices, NOW) == terms


def test_the_plan_shows_them() -> None:
    assert grant_facts(PLAIN_TERMS) == {"for": "all metered prices", "expires": "never"}
    shown = grant_facts(GrantTerms(END_OF_2026, PRICES))
    assert shown == {"for": "price_a, price_b", "expires": "2027-01-01T00:00:00+00:00"}
