"""The SDK's HTTP client for writes: one request for one call, under a permit, never repeated or redirected."""

import ssl
import time
from typing import Any

import httpx
import stripe

from billing_cli.adapters.permitted_requests import under
from billing_cli.adapters.stripe.bodies import check_readable
from billing_cli.adapters.stripe.pace import REASON_HEADER, Pace
from billing_cli.domain.permit import Permit

_TIMEOUT_S = 30
_TOO_MANY = 429


def write_connections() -> httpx.Client:
    """Connections to Stripe, kept for all writes of a command; several threads may use them."""
    tls = ssl.create_default_context(cafile=stripe.ca_bundle_path)
    return httpx.Client(verify=tls, timeout=_TIMEOUT_S, follow_redirects=False)


class WriteClient(stripe.HTTPClient):
    """Raises PermitExpired instead of sending when the permit has run out."""

    name = "httpx"

    def __init__(self, connections: httpx.Client, permit: Permit, pace: Pace) -> None:
        super().__init__()
        self._connections = connections
        self._permit = permit
        self._pace = pace

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """Body, status and headers."""
        self._pace.wait()
        began_at = time.monotonic()
        try:
            answer = self._connections.request(
                method, url, headers=headers, content=post_data, extensions=under(self._permit)
            )
        except httpx.HTTPError as error:
            raise stripe.APIConnectionError(f"{type(error).__name__}: {error}") from error  # type: ignore[no-untyped-call]
        if answer.status_code == _TOO_MANY:
            self._pace.refused(answer.headers.get(REASON_HEADER))
        else:
            self._pace.accepted(time.monotonic() - began_at)
        check_readable(answer.content, answer.status_code, answer.headers)
        return answer.content, answer.status_code, answer.headers

    def close(self) -> None:
        """The connections outlive it."""
