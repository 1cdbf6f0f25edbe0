"""The database over REST, with supabase-py."""

import json
import logging
from typing import Any

import httpx
from postgrest import APIError
from supabase import ClientOptions, create_client

from billing_cli.adapters.database.errors import domain_error, unreachable
from billing_cli.domain.errors import Misconfigured

# A preview of a large window may take minutes; the function sets its own limit on the server.
_TIMEOUT_S = 620
_CONNECT_TIMEOUT_S = 10

# httpx logs every request with its address at INFO level.
logging.getLogger("httpx").setLevel(logging.WARNING)


class SupabaseDatabase:
    """Calls functions as `POST /rest/v1/rpc/<function>`; every call is a transaction of its own."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._http = httpx.Client(
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            event_hooks={"response": [_refuse_foreign_answers]},
        )
        self._client = create_client(url, key, ClientOptions(httpx_client=self._http))

    def call(self, function: str, **args: object) -> Any:
        """See `billing_cli.domain.ports.Database.call`."""
        try:
            return self._client.rpc(function, args).execute().data
        except APIError as error:
            raise _explain(error) from None
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise unreachable(self._url, "SUPABASE_URL", f"{type(error).__name__} {error}") from None

    def close(self) -> None:
        self._http.close()


def _refuse_foreign_answers(response: httpx.Response) -> None:
    """A gateway refuses keys and unknown paths itself, without PostgREST's `code` and its meaning."""
    if response.status_code not in (401, 403, 404) or _has_code(response.read()):
        return
    if response.status_code == 404:
        raise Misconfigured("SUPABASE_URL does not answer as Supabase does.", "Correct SUPABASE_URL.")
    raise domain_error("42501", "", None)


def _has_code(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and bool(document.get("code"))


def _explain(error: APIError) -> Exception:
    code = str(error.code or "")
    # Without a SQLSTATE the answer is a gateway's, not PostgREST's; `code` is its HTTP status, if anything.
    if not code or (len(code) == 3 and code.startswith("5")):
        return unreachable()
    if code in ("401", "403"):
        code = "42501"
    return domain_error(code, error.message or "", error.hint)
