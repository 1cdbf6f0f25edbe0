"""Stripe's HTTP clients over aiohttp, for many requests in one event loop."""

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


class EncodedBodies(AiohttpClient):
    """Sends bodies that are JSON already; `bodies` has them by the idempotency key of their request.

    The SDK encodes whatever it is given a second time, as a form, for a log that is switched off: two thirds of
    the CPU that a parcel of events took.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, bytes] = {}

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body = self.bodies.pop(headers.get("Idempotency-Key", ""), post_data)
        return await super().request_async(method, url, headers, body)
