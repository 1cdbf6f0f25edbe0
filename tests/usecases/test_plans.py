"""`billing plans`: which prices a plan has, where that is said, and what Stripe says of them."""

from pathlib import Path
from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection

from .conftest import Answer, Billing

METERS = [
    {"event_name": "seats", "id": "mtr_seats"},
    {"event_name": "archived", "id": "mtr_archived", "status": "inactive"},
]
PRICES: list[dict[str, Any]] = [
    {"id": "price_starter"},
    {"id": "price_seats", "meter": "mtr_seats", "unit_amount": None, "unit_amount_decimal": "0.25"},
]


@pytest.fixture
def place(billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a billing.toml, and a Stripe that has all it names; one price comes from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_PRICE_STARTER", "price_starter")
    (tmp_path / "billing.toml").write_text('[plans]\nstarter = "price_other"\npro = ["price_starter", "price_seats"]\n')
    stripe.bulk([], METERS)
    stripe.prices(PRICES)
    return tmp_path


def faults(answer: Answer) -> list[str]:
    found = [fault["says"] for price in answer.document["prices"] for fault in price["faults"]]
    return found + [verdict["says"] for verdict in answer.document["unpriced"]]


def test_the_list_names_prices_with_their_origin_and_the_environment_wins(billing: Billing, place: Path) -> None:
    answer = billing("plans", "list")
    assert (answer.code, answer.document["schema"]) == (0, "billing.plans/v1")
    assert answer.document["plans"] == [
        {"plan_id": "starter", "price_ids": ["price_starter"], "origin": "STRIPE_PRICE_STARTER"},
        {
            "plan_id": "pro",
            "price_ids": ["price_starter", "price_seats"],
            "origin": "pro under [plans] in billing.toml",
        },
    ]


def test_prices_that_stripe_has_are_shown_with_what_they_cost(billing: Billing, place: Path) -> None:
    answer = billing("plans", "check")
    assert (answer.code, faults(answer)) == (0, [])
    starter, _, seats = (price["price"] for price in answer.document["prices"])
    assert (starter["unit_amount_minor"], starter["currency"], starter["interval"]) == ("1000", "usd", "month")
    assert (seats["unit_amount_minor"], seats["metered"], seats["event_name"]) == ("0.25", True, "seats")


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ({"id": "price_other"}, "Stripe has no price price_starter of plan starter in test mode."),
        ({"id": "price_starter", "livemode": True}, "Stripe has no price price_starter of plan starter in test mode."),
        ({"id": "price_starter", "active": False}, "price_starter of plan starter is archived"),
        ({"id": "price_starter", "recurring": None, "type": "one_time"}, "price_starter of plan starter is paid once"),
        ({"id": "price_starter", "meter": "mtr_none"}, "mtr_none of the price price_starter of plan starter is not"),
        ({"id": "price_starter", "meter": "mtr_archived"}, "meter archived of the price price_starter"),
        ({"id": "price_starter", "usage_type": "metered"}, "is metered and has no meter"),
    ],
)
def test_what_is_wrong_with_a_price_is_named(
    price: dict[str, Any], says: str, billing: Billing, place: Path, stripe: StripeDouble
) -> None:
    (place / "billing.toml").unlink()
    stripe.reset()
    stripe.bulk([], METERS)
    stripe.prices([price])
    answer = billing("plans", "check")
    assert answer.code == 3
    (found,) = faults(answer)
    assert says in found
    assert answer.document["prices"][0]["faults"][0]["next_step"]


def test_a_price_of_usage_records_needs_no_meter(billing: Billing, place: Path, stripe: StripeDouble) -> None:
    (place / "billing.toml").write_text('[meters.seats]\nbackend = "usage-records"\nprice = "price_starter"\n')
    stripe.prices([{"id": "price_starter", "usage_type": "metered"}])
    assert billing("plans", "check").code == 0


def test_a_plan_that_companies_have_and_nobody_priced_is_named(billing: Billing, place: Path, sql: Connection) -> None:
    sql.execute("update billing_companies set plan_id = case company_id when 'co_1' then 'pro' else 'Pro' end")
    answer = billing("plans", "check")
    assert (answer.code, faults(answer)) == (3, ["2 companies have the plan 'Pro', and it has no price."])


@pytest.mark.parametrize("command", ["list", "check"])
@pytest.mark.parametrize("price", ["price_...", "price_xxx", "<price>", "changeme", "prod_123", "price 1"])
def test_a_placeholder_is_refused_before_anything_is_asked(
    command: str, price: str, billing: Billing, place: Path, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_PRICE_STARTER", price)
    answer = billing("plans", command)
    assert answer.code == 78
    assert "STRIPE_PRICE_STARTER" in answer.stderr
    assert stripe.log() == []


def test_a_placeholder_in_the_file_is_named_with_its_plan(billing: Billing, place: Path) -> None:
    (place / "billing.toml").write_text('[plans]\npro = ["price_starter", "price_..."]\n')
    answer = billing("plans", "list")
    assert (answer.code, "pro under [plans] in billing.toml" in answer.stderr) == (78, True)


@pytest.mark.parametrize("plans", ["pro = []", "pro = 5", 'pro = ""', 'pro = { price = "price_1" }'])
def test_prices_of_another_shape_are_refused(plans: str, billing: Billing, place: Path) -> None:
    (place / "billing.toml").write_text(f"[plans]\n{plans}\n")
    answer = billing("plans", "list")
    assert (answer.code, "plans.pro" in answer.stderr) == (78, True)
