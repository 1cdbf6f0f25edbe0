"""Sends meter events (v1) and says what each answer proves."""

import asyncio
from collections.abc import Sequence

import stripe
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception, wait_random_exponential

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import billing_error
from billing_cli.adapters.stripe.pace import Pace
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult

_FAILURES = 8
# A 429 is no failure, only a delay; it is waited out for so long.
_PATIENCE_S = 60
_TIMEOUT_S = 30
_MAX_WAIT_S = 8
_MAX_ERROR_CHARS = 300


class StripeMeterEventSender:
    """Many events at a time over one aiohttp session; made and closed inside one event loop."""

    parcel_events = 1
    in_flight = 100
    ordered = True

    def __init__(self, connection: StripeConnection) -> None:
        import aiohttp

        http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        self._http = http
        self._pace = Pace()
        self._stripe = connection.client(http)

    def limit(self, events_per_s: float | None, shared_by: int) -> None:
        """See `billing_cli.domain.ports.UsageSender.limit`: an event is a call."""
        self._pace.limit(None if events_per_s is None else events_per_s / shared_by)

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """See `billing_cli.domain.ports.UsageSender.send`: a parcel is one event."""
        return [await self._send(event) for event in parcel]

    async def _send(self, event: MeterEvent) -> SendResult:
        """Sends one event under its identifier, again while the answer is 429, 409, 5xx or none at all.

        The outcome is rejected only if no try, here or in an earlier run, may have been counted before;
        Stripe's refusal of a repetition proves nothing about the first one. Raises Misconfigured when
        the key itself is refused.
        """
        exchange = _Exchange(event)
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(_may_pass),
                wait=wait_random_exponential(multiplier=0.1, max=_MAX_WAIT_S),
                stop=exchange.is_hopeless,
            ):
                with attempt:
                    return await self._try(exchange)
        except RetryError:
            pass
        outcome = Outcome.UNKNOWN if exchange.maybe_sent else Outcome.UNSENT
        return exchange.result(outcome)

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def _try(self, exchange: "_Exchange") -> SendResult:
        if (wait_s := self._pace.turn_s()) > 0:
            await asyncio.sleep(wait_s)
        exchange.tries += 1
        try:
            answer = await self._stripe.v1.billing.meter_events.create_async(
                exchange.params, {"idempotency_key": exchange.idempotency_key}
            )
        except stripe.StripeError as error:
            exchange.note(error)
            if error.http_status == 429:
                self._pace.refused()
            if _may_pass(error):
                raise
            if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
                if exchange.maybe_sent:
                    return exchange.result(Outcome.UNKNOWN)
                raise billing_error(error) from error
            if _is_duplicate(error):
                return exchange.result(Outcome.ACCEPTED)
            return exchange.result(Outcome.AMBIGUOUS if exchange.maybe_sent else Outcome.REJECTED)
        self._pace.accepted()
        response = answer.last_response
        return SendResult(
            exchange.event.item_id,
            Outcome.ACCEPTED,
            exchange.tries,
            response.request_id if response else None,
        )


class _Exchange:
    """One event and what its tries have told so far."""

    def __init__(self, event: MeterEvent) -> None:
        self.event = event
        self.tries = 0
        self.failures = 0
        self.maybe_sent = event.maybe_sent
        self.request_id: str | None = None
        self.error: str | None = None
        self.params: stripe.params.billing.MeterEventCreateParams = {
            "event_name": event.event_name,
            "identifier": event.identifier,
            "timestamp": event.timestamp,
            "payload": {event.customer_key: event.stripe_customer_id, event.value_key: event.value},
        }

    @property
    def idempotency_key(self) -> str:
        """New for every try: Stripe replays a stored 500 for 24 h; the identifier deduplicates."""
        return f"{self.event.identifier}.{self.event.attempts}.{self.tries}"

    def note(self, error: stripe.StripeError) -> None:
        self.request_id = error.request_id or self.request_id
        self.error = f"{error.http_status or 'no answer'}: {error.user_message or type(error).__name__}"[
            :_MAX_ERROR_CHARS
        ]
        if error.http_status != 429:
            self.failures += 1
        if _proves_nothing(error):
            self.maybe_sent = True

    def is_hopeless(self, state: RetryCallState) -> bool:
        """Whether to leave this event to the next run."""
        return self.failures >= _FAILURES or (state.seconds_since_start or 0) >= _PATIENCE_S

    def result(self, outcome: Outcome) -> SendResult:
        error = None if outcome is Outcome.ACCEPTED else self.error
        return SendResult(self.event.item_id, outcome, self.tries, self.request_id, error)


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: 429, 409, or an answer that proves nothing."""
    if not isinstance(error, stripe.StripeError):
        return False
    return error.http_status in (409, 429) or _proves_nothing(error)


def _proves_nothing(error: stripe.StripeError) -> bool:
    """No answer, 5xx, or a success that cannot be read: the event may have been counted."""
    return error.http_status is None or not 400 <= error.http_status < 500


def _is_duplicate(error: stripe.StripeError) -> bool:
    """Stripe already has this identifier. v2 has a code for it, v1 only a sentence that names it."""
    code = error.error.code if error.error else None
    if code == "duplicate_meter_event":
        return True
    return error.http_status == 400 and "already exists with identifier" in (error.user_message or "")
