"""Credit grants of the simulated Stripe: made, listed, voided, expired, and refused as Stripe does."""

from typing import Any

import pytest
from stripe import InvalidRequestError
from support.stripe_control import StripeDouble

GRANT: dict[str, Any] = {
    "customer": "cus_1",
    "amount": {"type": "monetary", "monetary": {"value": 5000, "currency": "usd"}},
    "applicability_config": {"scope": {"price_type": "metered"}},
    "category": "promotional",
    "metadata": {"a": "b"},
}


@pytest.fixture
def grants(stripe: StripeDouble) -> Any:
    stripe.bulk([{"id": "cus_1"}, {"id": "cus_2"}], [])
    return stripe.client().v1.billing.credit_grants


def test_a_grant_is_made_read_and_listed_by_customer(grants: Any) -> None:
    made = grants.create(GRANT)
    other = grants.create({**GRANT, "customer": "cus_2"})
    assert (made.object, made.amount.monetary.value, made.voided_at) == ("billing.credit_grant", 5000, None)
    assert grants.retrieve(made.id).metadata["a"] == "b"
    assert [one.id for one in grants.list({"customer": "cus_1"})] == [made.id]
    assert [one.id for one in grants.list()] == [other.id, made.id]


@pytest.mark.parametrize("how", ["void_grant", "expire"])
def test_a_grant_ends_once(how: str, grants: Any) -> None:
    made = grants.create(GRANT)
    ended = getattr(grants, how)(made.id)
    assert ended.voided_at if how == "void_grant" else ended.expires_at
    with pytest.raises(InvalidRequestError, match="already"):
        getattr(grants, how)(made.id)


@pytest.mark.parametrize(
    "change",
    [
        {"customer": "cus_none"},
        {"category": "gift"},
        {"expires_at": 1},
        {"name": "x" * 101},
        {"applicability_config": {"scope": {"price_type": "licensed"}}},
        {"applicability_config": {"scope": {"price_type": "metered", "prices": [{"id": "price_1"}]}}},
        {"amount": {"type": "monetary", "monetary": {"value": 0, "currency": "usd"}}},
        {"amount": {"type": "custom", "monetary": {"value": 5, "currency": "usd"}}},
    ],
)
def test_what_stripe_refuses_is_refused(change: dict[str, Any], grants: Any) -> None:
    with pytest.raises(InvalidRequestError):
        grants.create({**GRANT, **change})
    assert list(grants.list()) == []
