"""The table of answers: what each proves about the request, for every sender."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.answer import Answer, Expected, Proof, proof_of

REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "payment_intent": "pi_1",
    "amount": 1250,
    "currency": "usd",
    "metadata": {"billing_intent": "int_1"},
}
EXPECTED = Expected(
    "refund",
    {
        ("payment_intent",): "pi_1",
        ("amount",): 1250,
        ("currency",): "usd",
        ("metadata", "billing_intent"): "int_1",
    },
)
ERROR = {"error": {"type": "invalid_request_error", "message": "No."}}
VERSION_2_ERROR = {"error": {"code": "duplicate_meter_event", "message": "Again."}}
ID = "req_1"
STREAM = Expected(None)
MISSING = "missing"


def changed(**changes: Any) -> dict[str, Any]:
    document = {**REFUND, **changes}
    return {name: value for name, value in document.items() if value != MISSING}


TABLE: list[tuple[int | None, Any, str | None, Proof]] = [
    # Success: the object that was asked for, whole.
    (200, REFUND, ID, Proof.DONE),
    (201, REFUND, ID, Proof.DONE),
    (200, REFUND, None, Proof.DONE),
    (200, changed(payment_intent={"id": "pi_1", "object": "payment_intent"}), ID, Proof.DONE),
    (200, changed(id="re_2", object="charge"), ID, Proof.NOTHING),
    (200, changed(object=MISSING), ID, Proof.NOTHING),
    (200, changed(payment_intent="pi_2"), ID, Proof.NOTHING),
    (200, changed(payment_intent=None), ID, Proof.NOTHING),
    (200, changed(amount=5000), ID, Proof.NOTHING),
    (200, changed(amount="1250"), ID, Proof.NOTHING),
    (200, changed(amount=1250.0), ID, Proof.NOTHING),
    (200, changed(amount=True), ID, Proof.NOTHING),
    (200, changed(currency="eur"), ID, Proof.NOTHING),
    (200, changed(metadata={}), ID, Proof.NOTHING),
    (200, changed(metadata=[]), ID, Proof.NOTHING),
    (200, changed(metadata={"billing_intent": "int_2"}), ID, Proof.NOTHING),
    (200, {"id": "re_1"}, ID, Proof.NOTHING),
    (200, None, None, Proof.NOTHING),
    (200, [REFUND], ID, Proof.NOTHING),
    (200, "refund", ID, Proof.NOTHING),
    (200, ERROR, ID, Proof.NOTHING),
    (204, None, ID, Proof.NOTHING),
    # Redirects and informational answers.
    *[(status, REFUND, ID, Proof.NOTHING) for status in (101, 301, 302, 303, 307, 308)],
    # Refusal: Stripe's error object and one of its request ids.
    *[(status, ERROR, ID, Proof.REFUSED) for status in (400, 401, 402, 403, 404, 422, 424)],
    (400, VERSION_2_ERROR, "req_v2abc", Proof.REFUSED),
    # May pass, or may have been carried out by another copy.
    *[(status, ERROR, ID, Proof.NOTHING) for status in (408, 409, 425, 429)],
    # A gateway's, whatever the status.
    *[(status, None, None, Proof.NOTHING) for status in (400, 401, 403, 404, 408, 413, 424, 451)],
    *[(status, {"message": "No."}, None, Proof.NOTHING) for status in (400, 401, 403, 404, 424)],
    *[(status, ERROR, None, Proof.NOTHING) for status in (400, 401, 403, 404)],
    (400, ERROR, "8b1f0a2e-gateway", Proof.NOTHING),
    (400, {"error": "invalid_client"}, ID, Proof.NOTHING),
    (400, {"error": {"message": "No."}}, ID, Proof.NOTHING),
    (400, {"error": []}, ID, Proof.NOTHING),
    (400, None, ID, Proof.NOTHING),
    # Stripe's own failures, and no answer at all.
    *[(status, ERROR, ID, Proof.NOTHING) for status in (500, 502, 503, 504)],
    (None, None, None, Proof.NOTHING),
]


@pytest.mark.parametrize(("status", "document", "request_id", "proof"), TABLE, ids=str)
def test_what_an_answer_proves(status: int | None, document: Any, request_id: str | None, proof: Proof) -> None:
    assert proof_of(Answer(status, document, request_id), EXPECTED) is proof


@pytest.mark.parametrize(
    ("status", "document", "request_id", "proof"),
    [
        (200, {}, ID, Proof.DONE),
        (200, {}, None, Proof.NOTHING),
        (200, None, ID, Proof.NOTHING),
        (200, {"message": "ok"}, None, Proof.NOTHING),
        (200, ERROR, ID, Proof.NOTHING),
        (200, REFUND, ID, Proof.NOTHING),
    ],
)
def test_an_empty_object_is_a_success_if_stripe_sent_it(
    status: int, document: Any, request_id: str | None, proof: Proof
) -> None:
    assert proof_of(Answer(status, document, request_id), STREAM) is proof


@pytest.mark.parametrize(
    ("value", "agrees"),
    [("1.5", True), ("1.50", True), (1, False), ("15", False), ("", False), ("NaN", False), (None, False)],
)
def test_usage_is_compared_by_its_value(value: Any, agrees: bool) -> None:
    expected = Expected("billing.meter_event", {("payload", "a.b"): Decimal("1.5")})
    answer = Answer(200, {"object": "billing.meter_event", "payload": {"a.b": value}}, ID)
    assert (proof_of(answer, expected) is Proof.DONE) is agrees


def test_the_operator_reads_the_difference() -> None:
    assert EXPECTED.difference(Answer(200, changed(amount=5000))) == "amount is not 1250"
    assert EXPECTED.difference(Answer(200, changed(object="charge"))) == "its object is not refund"
    assert EXPECTED.difference(Answer(200, None)) == "the body is no JSON object"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "object", "id", "amount", "metadata", "type"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.none() | st.integers(100, 599), JSON, st.none() | st.text(max_size=8))
def test_no_answer_of_others_is_taken_for_stripes(status: int | None, document: Any, request_id: str | None) -> None:
    proof = proof_of(Answer(status, document, request_id), EXPECTED)
    assert proof is not Proof.DONE
    assert proof is Proof.NOTHING or str(request_id).startswith("req_")
