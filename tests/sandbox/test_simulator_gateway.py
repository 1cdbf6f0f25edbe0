"""A gateway before the simulator: the answers it gives in Stripe's place, and whether Stripe carried the request out."""

import httpx
import pytest
from support.environment import KEY
from support.stripe_control import StripeDouble

REFUND = {"payment_intent": "pi_1", "amount": "1250"}
LIES = {
    "page": (502, "<html>", False),
    "json": (424, '{"message"', False),
    "redirect": (307, "", False),
    "other": (200, '"cus_other"', True),
    "altered": (200, '"amount":1251', True),
    "empty": (200, "", True),
    "conflict": (409, "in-progress", True),
    "imitation": (400, '"error"', False),
}


def post(stripe: StripeDouble) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "int_1"}
    return httpx.post(f"{stripe.url}/v1/refunds", data=REFUND, headers=headers)


@pytest.fixture(autouse=True)
def payment(stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("lie", LIES)
def test_it_answers_in_stripes_place(lie: str, commit: bool, stripe: StripeDouble) -> None:
    stripe.fault(kind="gateway", lie=lie, endpoint="/v1/refunds", commit=commit)
    answer = post(stripe)
    status, part, has_request_id = LIES[lie]
    assert (answer.status_code, "Request-Id" in answer.headers) == (status, has_request_id)
    assert part in answer.text or not (commit or lie != "altered")
    assert len(stripe.refunds()) == commit
    stripe.heal()
    # Stripe itself keeps its own answer under the key.
    assert post(stripe).json()["amount"] == 1250
    assert len(stripe.refunds()) == 1


def test_a_cut_answer_ends_in_its_middle(stripe: StripeDouble) -> None:
    stripe.fault(kind="gateway", lie="cut", endpoint="/v1/refunds", commit=True)
    with pytest.raises(httpx.RemoteProtocolError):
        post(stripe)
    assert len(stripe.refunds()) == 1


def test_a_redirect_leads_where_it_is_told(stripe: StripeDouble) -> None:
    stripe.fault(kind="gateway", lie="redirect", status=308, location="http://127.0.0.1:9/", endpoint="/v1/refunds")
    answer = post(stripe)
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://127.0.0.1:9/")


def test_other_lies_and_other_kinds_with_one_are_refused(stripe: StripeDouble) -> None:
    for wish in ({"kind": "gateway", "lie": "none"}, {"kind": "delay", "lie": "page"}):
        with pytest.raises(Exception, match="may have a lie"):
            stripe.fault(**wish)
