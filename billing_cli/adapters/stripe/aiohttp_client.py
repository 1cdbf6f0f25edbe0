"""Stripe's HTTP client over aiohttp, for many requests in one event loop."""

import ssl
from collections.abc import Mapping

import aiohttp
import stripe

_TIMEOUT_S = 30


class AiohttpClient(stripe.AIOHTTPClient):
    """Made and closed inside one event loop."""

    def __init__(self) -> None:
        tls = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        # How many are under way is not for the connector to decide, but for the pace.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        super().__init__(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S), connector=connector)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """As Stripe's own, which lets the error out that aiohttp raises when an answer breaks off."""
        try:
            return await super().request_async(method, url, headers, post_data)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._handle_request_error(error)
