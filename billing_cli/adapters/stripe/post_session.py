"""POST requests to Stripe over aiohttp: many in one event loop, each with a permit, none repeated or redirected.

The SDK's wrapping takes more CPU than the HTTP below it, so senders of usage use this; all else uses the SDK.
"""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import aiohttp
import stripe
from yarl import URL

from billing_cli.adapters.stripe.bodies import decoded
from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.domain.answer import Answer
from billing_cli.domain.permit import Permit, PermitExpired

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection

_TIMEOUT_S = 30
_FORM = "application/x-www-form-urlencoded"


class PostSession:
    """Made and closed inside one event loop."""

    def __init__(self, connection: StripeConnection, permit: Permit) -> None:
        self._api = connection.api_base or stripe.DEFAULT_API_BASE
        self._stream = connection.meter_events_base or stripe.DEFAULT_METER_EVENTS_API_BASE
        self._key = connection.key
        self._headers = {
            "Authorization": f"Bearer {connection.key}",
            "Stripe-Version": connection.api_version or stripe.api_version,
            "User-Agent": f"billing-cli stripe-python/{stripe.VERSION}",
        }
        self._permit = permit
        self._addresses: dict[str, URL] = {}
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                # How many requests are under way is for the pace to decide.
                limit=0,
                ssl=ssl.create_default_context(cafile=stripe.ca_bundle_path),
            ),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_permitted(permit),
        )

    async def post_form(
        self, path: str, form: Mapping[str, str], idempotency_key: str, version: str | None = None
    ) -> Answer:
        """One request to version 1 of the API. Raises PermitExpired if it may not be sent."""
        headers = {**self._headers, "Content-Type": _FORM, "Idempotency-Key": idempotency_key}
        if version:
            headers["Stripe-Version"] = version
        body = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in form.items()])
        return await self._post(self._api, path, body.encode(), headers)

    async def post_json(self, path: str, body: bytes) -> Answer:
        """One request to version 2 of the API."""
        return await self._post(self._api, path, body, {**self._headers, "Content-Type": "application/json"})

    async def post_stream(self, path: str, body: bytes, token: str, idempotency_key: str) -> Answer:
        """One request to the address of the meter event stream, under a session's token."""
        headers = {
            **self._headers,
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,
        }
        return await self._post(self._stream, path, body, headers)

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, base: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        # Before a connection is made, and once more in the request, with the connection in hand.
        self._permit.check()
        url = self._addresses.get(path) or self._addresses.setdefault(path, URL(base + path))
        try:
            async with self._http.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return _answer(response, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(None, problem=type(error).__name__)


# Names, customers and hours come again and again, and quoting them takes as long as all else here.
_quoted = lru_cache(maxsize=4096)(quote_plus)


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    headers = response.headers
    return Answer(
        response.status,
        decoded(body),
        headers.get("Request-Id"),
        headers.get("Stripe-Rate-Limited-Reason"),
        headers.get("Idempotent-Replayed") == "true",
    )


def _permitted(permit: Permit) -> type[aiohttp.ClientRequest]:
    """Requests that look at the permit when their connection is there, and nothing but writing is left to do."""

    class PermittedRequest(aiohttp.ClientRequest):
        async def send(self, conn: "Connection") -> aiohttp.ClientResponse:
            permit.check()
            return await super().send(conn)

        async def write_bytes(
            self, writer: "AbstractStreamWriter", conn: "Connection", content_length: int | None = None
        ) -> None:
            try:
                # The headers wait in the writer until the body comes: no byte has gone.
                permit.check()
            except PermitExpired as error:
                assert conn.protocol is not None  # noqa: S101 - as aiohttp's own
                conn.protocol.set_exception(error)
                conn.close()
                return
            await super().write_bytes(writer, conn, content_length)

    return PermittedRequest
