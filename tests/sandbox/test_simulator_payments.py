"""The simulator refuses refunds in Stripe's words, and its books balance."""

import pytest
import stripe
import stripe as sdk
from support.environment import KEY
from support.stripe_control import StripeDouble


@pytest.fixture
def client(stripe: StripeDouble) -> stripe.StripeClient:
    stripe.payments(
        [
            {"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"},
            {"id": "pi_held", "customer": "cus_1", "amount": 10_000, "captured": 0, "currency": "usd"},
            {"id": "pi_bhd", "customer": "cus_1", "amount": 10_000, "currency": "bhd"},
            {"id": "pi_isk", "customer": "cus_1", "amount": 10_000, "currency": "isk"},
        ]
    )
    return sdk.StripeClient(KEY, base_addresses={"api": stripe.url})


@pytest.mark.parametrize(
    ("wish", "status", "code", "param"),
    [
        ({"payment_intent": "pi_none"}, 404, "resource_missing", "payment_intent"),
        ({"charge": "ch_none"}, 404, "resource_missing", "charge"),
        ({"payment_intent": "pi_1", "amount": 10_001}, 400, None, "amount"),
        ({"payment_intent": "pi_1", "amount": 0}, 400, "parameter_invalid_integer", "amount"),
        ({"payment_intent": "pi_1", "reason": "bored"}, 400, None, "reason"),
        ({"payment_intent": "pi_bhd", "amount": 1251}, 400, None, "amount"),
        ({"payment_intent": "pi_isk", "amount": 150}, 400, None, "amount"),
        ({"payment_intent": "pi_held"}, 400, None, None),
    ],
)
def test_refusals_have_stripes_shape(
    wish: dict[str, object], status: int, code: str | None, param: str | None, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create(wish)  # type: ignore[arg-type]
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (status, code, param)


def test_what_is_refunded_or_disputed_is_refused_by_its_code(client: stripe.StripeClient, stripe: StripeDouble) -> None:
    client.v1.refunds.create({"payment_intent": "pi_1"})
    assert _code(client, "pi_1") == "charge_already_refunded"
    stripe.dispute("pi_bhd", "under_review")
    assert _code(client, "pi_bhd") == "charge_disputed"
    stripe.dispute("pi_bhd", "won")
    assert client.v1.refunds.create({"payment_intent": "pi_bhd"}).status == "succeeded"


def _code(client: stripe.StripeClient, payment: str) -> str | None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": payment})
    return caught.value.code


def test_the_books_balance_also_when_a_refund_fails(client: stripe.StripeClient, stripe: StripeDouble) -> None:
    refund = client.v1.refunds.create({"payment_intent": "pi_1", "amount": 4000})
    charge = client.v1.charges.retrieve("ch_1")
    assert (charge.amount_refunded, charge.refunded) == (4000, False)
    stripe.refund_status(refund.id, "failed")
    assert client.v1.charges.retrieve("ch_1").amount_refunded == 0
    assert client.v1.refunds.retrieve(refund.id).failure_balance_transaction
    rows = client.v1.balance_transactions.list({"currency": "usd", "limit": 100}).data
    assert all(row.net == row.amount - row.fee for row in rows)
    assert {row.reporting_category: row.amount for row in rows} == {
        "charge": 10_000,
        "refund": -4000,
        "refund_failure": 4000,
    }
    assert sum(row.fee for row in rows) == 320
