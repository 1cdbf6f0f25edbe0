"""What the mover of money keeps of an answer of the SDK."""

from types import SimpleNamespace

import httpx
import pytest

from billing_cli.adapters.stripe.money_mover import _answer


@pytest.mark.parametrize(("headers", "replayed"), [({"Idempotent-Replayed": "true"}, True), ({}, False)])
def test_a_success_that_stripe_repeats_from_its_key_is_marked(headers: dict[str, str], replayed: bool) -> None:
    response = SimpleNamespace(code=200, data={"id": "re_1"}, request_id="req_1", headers=httpx.Headers(headers))
    answer = _answer(SimpleNamespace(last_response=response))
    assert (answer.status, answer.document, answer.replayed) == (200, {"id": "re_1"}, replayed)
