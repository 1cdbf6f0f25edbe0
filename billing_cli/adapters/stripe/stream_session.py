"""The session that opens the meter event stream: a token that Stripe gives for a quarter of an hour."""

import asyncio
import time
from datetime import datetime

import stripe
from tenacity import stop_after_attempt

from billing_cli.adapters.stripe.errors import billing_error, said
from billing_cli.adapters.stripe.exchange import retrying
from billing_cli.domain.errors import Misconfigured, Unavailable

# Longer than a request may take that is under way with the token.
_RENEWED_BEFORE_END_S = 60.0
_TRIES = 8


class StreamSession:
    """Renewed before it ends, by whoever needs it first; all others wait for that one renewal."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._stripe = client
        self._token: str | None = None
        self._renew_at = 0.0
        self._renewal: asyncio.Task[str] | None = None

    async def token(self, instead_of: str | None = None) -> str:
        """A token that is good for now, and another than `instead_of`, which Stripe did not take.

        Raises Unavailable where Stripe opens no session for now, Misconfigured where it will not.
        """
        if self._token not in (None, instead_of) and time.monotonic() < self._renew_at:
            return str(self._token)
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewed)
        return await self._renewal

    def _renewed(self, _: object) -> None:
        self._renewal = None

    async def _renew(self) -> str:
        # The wall clock here may be wrong: how long a session lives is the difference of two of Stripe's own times.
        asked_at = time.monotonic()
        session = await self._open()
        try:
            lives_s = (_instant(session.expires_at) - _instant(session.created)).total_seconds()
            self._token = session.authentication_token
        except (AttributeError, ValueError):
            raise Unavailable("Stripe's session for the meter event stream cannot be read.") from None
        self._renew_at = asked_at + max(lives_s - _RENEWED_BEFORE_END_S, lives_s / 2)
        return self._token

    async def _open(self) -> stripe.v2.billing.MeterEventSession:
        try:
            return await retrying(stop_after_attempt(_TRIES)).copy(reraise=True)(
                self._stripe.v2.billing.meter_event_session.create_async
            )
        except stripe.StripeError as error:
            explained = billing_error(error)
            if isinstance(explained, Unavailable | Misconfigured):
                raise explained from error
            raise Misconfigured(
                f"Stripe opens no session for the meter event stream: {said(error)}",
                'Send by single events: --backend events, or without backend = "stream" in billing.toml.',
            ) from error


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
