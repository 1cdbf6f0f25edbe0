"""Posts an event to an endpoint as Stripe does: signed afresh, no redirect followed, no key of ours with it."""

import time
from datetime import UTC, datetime

import httpx

from billing_cli.adapters.permitted_requests import under
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.permit import Permit
from billing_cli.domain.replay import Delivery, ReplayEvent
from billing_cli.domain.webhook_signature import signed_header

_TIMEOUT_S = 30.0
_MANY = 32
_SHORT_BYTES = 65_536
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HttpEventPoster:
    """Used by several threads. Proxies of the environment are not used: the address is the operator's own."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = _checked(url), secret
        limits = httpx.Limits(max_connections=_MANY, max_keepalive_connections=_MANY)
        self._http = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False, limits=limits)

    def post(self, event: ReplayEvent, payload: str, permit: Permit) -> Delivery:
        """See `billing_cli.domain.ports.EventPoster.post`."""
        body = payload.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signed_header(body, self._secret, int(datetime.now(UTC).timestamp())),
            "User-Agent": "billing-replay",
        }
        started_s = time.monotonic()
        status, error = None, None
        try:
            with self._http.stream(
                "POST", self._url, content=body, headers=headers, extensions=under(permit)
            ) as answer:
                status = answer.status_code
                _drain(answer)
                error = None if answer.is_success else _refusal(status)
        except httpx.HTTPError as failure:
            error = f"No answer: {type(failure).__name__}."
        took_ms = int((time.monotonic() - started_s) * 1000)
        return Delivery(event.position, event.event_id, event.event_type, status, took_ms, error)

    def close(self) -> None:
        self._http.close()


def _drain(answer: httpx.Response) -> None:
    """Only the status counts, as for Stripe; a short body is read so that the connection serves again."""
    left = _SHORT_BYTES
    for chunk in answer.iter_raw():
        left -= len(chunk)
        if left < 0:
            return


def _refusal(status: int) -> str:
    return "A redirect, which is not followed." if 300 <= status < 400 else f"The endpoint answered {status}."


def _checked(url: str) -> str:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise Misconfigured(f"{url} is no address.", "Correct it under [webhooks] in billing.toml.") from None
    plain_allowed = parts.scheme == "http" and parts.host in _LOOPBACK
    if not (parts.host and (parts.scheme == "https" or plain_allowed)) or parts.userinfo:
        raise Misconfigured(
            f"{parts.copy_with(userinfo=b'')} must be an https address without a password, or http on this machine.",
            "Correct it under [webhooks] in billing.toml.",
        )
    return url
