"""A gateway before the simulator: the answers it gives in Stripe's place, and whether Stripe carried the request out."""

import httpx
import pytest
from support.environment import KEY
from support.stripe_control import StripeDouble

REFUND = {"payment_intent": "pi_1", "amount": "1250", "metadata[ours]": "int_1"}
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


@pytest.mark.parametrize("body", ['["a list"]', '"a string"', '{"code": 13}'])
def test_its_json_is_of_any_kind(body: str, stripe: StripeDouble) -> None:
    stripe.fault(kind="gateway", lie="json", status=200, body=body, endpoint="/v1/refunds")
    answer = post(stripe)
    assert (answer.status_code, answer.text, stripe.refunds()) == (200, body, [])


@pytest.mark.parametrize("field", ["id", "amount", "currency", "payment_intent", "metadata"])
def test_one_field_of_an_object_is_altered(field: str, stripe: StripeDouble) -> None:
    stripe.fault(kind="gateway", lie="altered", field=field, endpoint="/v1/refunds", commit=True)
    answer, (made,) = post(stripe).json(), stripe.refunds()
    assert {name for name, value in made.items() if answer[name] != value} == {field}


def test_a_request_that_is_sent_twice_is_carried_out_once_under_its_key(stripe: StripeDouble) -> None:
    stripe.fault(kind="double", endpoint="/v1/refunds", count=1)
    answer = post(stripe)
    assert (answer.json()["amount"], answer.headers["Idempotent-Replayed"]) == (1250, "true")
    assert len(stripe.refunds()) == 1


def test_the_second_copy_is_a_conflict_while_the_first_is_under_way(stripe: StripeDouble) -> None:
    stripe.fault(kind="double", endpoint="/v1/refunds", count=1)
    stripe.fault(kind="delay", delay_s=0.05, endpoint="/v1/refunds")
    assert post(stripe).status_code == 409
    while not stripe.refunds():
        pass
    stripe.heal()
    assert post(stripe).status_code == 200
    assert len(stripe.refunds()) == 1


def test_the_log_has_keys_and_the_control_side_has_objects(stripe: StripeDouble) -> None:
    made = post(stripe).json()["id"]
    assert [line["idempotency_key"] for line in stripe.log()] == ["int_1"]
    assert [refund["id"] for refund in stripe.objects("refund")] == [made]


def test_without_a_key_a_request_that_is_sent_twice_is_carried_out_twice(stripe: StripeDouble) -> None:
    stripe.fault(kind="double", endpoint="/v1/refunds")
    httpx.post(f"{stripe.url}/v1/refunds", data=REFUND, headers={"Authorization": f"Bearer {KEY}"})
    assert len(stripe.refunds()) == 2


def test_other_lies_and_other_kinds_with_one_are_refused(stripe: StripeDouble) -> None:
    for wish in ({"kind": "gateway", "lie": "none"}, {"kind": "delay", "lie": "page"}):
        with pytest.raises(Exception, match="may have a lie"):
            stripe.fault(**wish)
