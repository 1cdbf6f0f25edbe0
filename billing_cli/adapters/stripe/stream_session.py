"""The session that opens the meter event stream: a token that Stripe gives for a quarter of an hour."""

import asyncio
import time
from datetime import datetime

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_random_exponential

from billing_cli.adapters.stripe.errors import billing_error, words_of
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.domain.answer import Answer, Expected, Proof, proof_of
from billing_cli.domain.errors import Misconfigured, Unavailable

# Longer than a request may take that is under way with the token.
_RENEWED_BEFORE_END_S = 60.0
_TRIES = 8
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 8
_KIND = Expected("v2.billing.meter_event_session")


class StreamSession:
    """Renewed before it ends, by the first request that needs it; all others wait for that one renewal."""

    def __init__(self, http: PostSession) -> None:
        self._http = http
        self._token: str | None = None
        self._renew_at = 0.0
        self._renewal: asyncio.Task[str] | None = None

    async def token(self, instead_of: str | None = None) -> str:
        """A token that is good for now, and another than `instead_of`, which Stripe did not take.

        Raises Unavailable if Stripe opens no session for now, Misconfigured if it refuses to.
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
        # The wall clock here may be wrong: a session's lifetime is the difference of two of Stripe's own times.
        asked_at = time.monotonic()
        session = (await self._open()).document
        try:
            lives_s = (_instant(session["expires_at"]) - _instant(session["created"])).total_seconds()
            self._token = str(session["authentication_token"])
        except (KeyError, TypeError, ValueError):
            raise Unavailable("Stripe's session for the meter event stream cannot be read.") from None
        self._renew_at = asked_at + max(lives_s - _RENEWED_BEFORE_END_S, lives_s / 2)
        return self._token

    async def _open(self) -> Answer:
        again = AsyncRetrying(
            retry=retry_if_result(lambda answer: proof_of(answer, _KIND) is Proof.NOTHING),
            wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_MAX_WAIT_S),
            stop=stop_after_attempt(_TRIES),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer: Answer = await again(self._http.post_json, "/v2/billing/meter_event_session", b"{}")
        proof = proof_of(answer, _KIND)
        if proof is Proof.DONE:
            return answer
        explained = billing_error(answer)
        if proof is Proof.NOTHING or isinstance(explained, Unavailable | Misconfigured):
            raise explained
        raise Misconfigured(
            f"Stripe opens no session for the meter event stream: {words_of(answer)}",
            'Send by single events: --backend events, or without backend = "stream" in billing.toml.',
        )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
