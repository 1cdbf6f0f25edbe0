"""The database over REST, with supabase-py."""

import logging
from typing import Any

import httpx
from supabase import ClientOptions, create_client

from billing_cli.adapters.database.errors import unreachable
from billing_cli.adapters.database.rest_answers import refuse_all_but_success

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
            event_hooks={"response": [refuse_all_but_success]},
        )
        self._client = create_client(url, key, ClientOptions(httpx_client=self._http))

    def call(self, function: str, **args: object) -> Any:
        """See `billing_cli.domain.ports.Database.call`."""
        try:
            return self._client.rpc(function, args).execute().data
        except httpx.HTTPError as error:
            raise unreachable(self._url, "SUPABASE_URL", f"{type(error).__name__} {error}") from None

    def close(self) -> None:
        self._http.close()
