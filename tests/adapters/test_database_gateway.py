"""What stands before PostgREST answers for itself, without PostgREST's codes."""

import httpx
import pytest

from billing_cli.adapters.database.supabase import SupabaseDatabase
from billing_cli.domain.errors import BillingError, Misconfigured, Unavailable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, '{"message": "Invalid API key", "hint": "Double check it."}', Misconfigured),
        (404, '{"message": "no Route matched with those values"}', Misconfigured),
        (404, "<html>nothing here</html>", Misconfigured),
        (502, "<html>bad gateway</html>", Unavailable),
        (503, '{"message": "name resolution failed"}', Unavailable),
    ],
)
def test_a_gateways_answer_has_its_own_meaning(
    status: int, body: str, kind: type[BillingError], monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text=body))
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: transport.handle_request(request))
    with pytest.raises(kind) as caught:
        SupabaseDatabase("http://127.0.0.1:1", "s3cretkey").call("billing_batches_list_v1")
    assert "s3cretkey" not in f"{caught.value.message} {caught.value.next_step}"
