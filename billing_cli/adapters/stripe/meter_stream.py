"""Sends meter events over the stream (v2), a hundred a request, and what each answer proves about them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.exchange import Tries, is_duplicate
from billing_cli.adapters.stripe.paced_sender import PacedSender, key_may_per_s
from billing_cli.adapters.stripe.post_session import PostSession
from billing_cli.adapters.stripe.stream_session import StreamSession
from billing_cli.domain.answer import Answer, Expected
from billing_cli.domain.batch import MeterEvent, Outcome, SendResult
from billing_cli.domain.permit import Permit

if TYPE_CHECKING:
    from stripe.params.v2.billing import MeterEventStreamCreateParamsEvent

_REFUSED = (Outcome.REJECTED, Outcome.AMBIGUOUS)
# A refusal and a silence prove less about an event that an earlier run may have sent.
_IF_MAYBE_SENT = {Outcome.REJECTED: Outcome.AMBIGUOUS, Outcome.UNSENT: Outcome.UNKNOWN}
# Stripe answers an empty object.
_TAKEN = Expected(None)

# Events a second that Stripe takes in live mode.
_LIVE_PER_S = 10_000.0


class StripeMeterStreamSender(PacedSender):
    """Several parcels at a time over one session; made and closed inside one event loop."""

    parcel_events = 100  # the most that Stripe takes in a request
    ordered = False

    def __init__(self, connection: StripeConnection, permit: Permit) -> None:
        super().__init__(key_may_per_s(connection, connection.meter_events_base, _LIVE_PER_S), self.parcel_events)
        self._http = PostSession(connection, permit)
        self._session = StreamSession(self._http)

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """See `billing_cli.domain.ports.UsageSender.send`.

        Accepted means that the stream took it: Stripe looks at the events themselves afterwards.
        """
        return await self._send(_Parcel(self._http, self._session, parcel))

    async def _send(self, parcel: "_Parcel") -> list[SendResult]:
        """A parcel that is refused is sent in halves, until the event at fault stands alone."""
        outcome = await parcel.outcome(self)
        if outcome not in _REFUSED or len(parcel.events) == 1:
            return parcel.results(outcome)
        return [result for half in parcel.halves() for result in await self._send(half)]

    async def close(self) -> None:
        await self._http.close()


class _Parcel(Tries):
    """Events that go in one request, under their identifiers; what was refused as a whole goes on as a part."""

    done = Outcome.ACCEPTED

    def __init__(
        self,
        http: PostSession,
        session: StreamSession,
        events: Sequence[MeterEvent],
        part_of: "_Parcel | None" = None,
    ) -> None:
        super().__init__(part_of.maybe_done if part_of else False, part_of.tries if part_of else 0, len(events))
        self._http = http
        self._session = session
        self._part_of = part_of
        self.events = events
        self._body = json.dumps({"events": [_params(event) for event in events]}).encode()

    async def ask(self) -> Answer:
        """A token that Stripe does not take any more is no fault of the events: once more at once."""
        token = await self._session.token()
        answer = await self._ask(token)
        if answer.is_stripes_error and answer.status == 401:
            token = await self._session.token(instead_of=token)
            self.tries += 1
            answer = await self._ask(token)
        return answer

    async def _ask(self, token: str) -> Answer:
        # A new key for every try, as for single events; the identifiers deduplicate.
        first = self.events[0]
        key = f"{first.identifier}.{first.attempts}.{self.tries}"
        return await self._http.post_stream("/v2/billing/meter_event_stream", self._body, token, key)

    @property
    def expected(self) -> Expected:
        return _TAKEN

    def may_pass(self, answer: Answer) -> bool:
        return answer.error.get("type") == "temporary_session_expired"

    def refused(self, answer: Answer) -> Outcome:
        if is_duplicate(answer) and len(self.events) == 1:
            return Outcome.ACCEPTED
        return Outcome.AMBIGUOUS if self.maybe_done else Outcome.REJECTED

    @property
    def hides_something(self) -> bool:
        return self.maybe_done or self._part_of is not None or any(event.maybe_sent for event in self.events)

    def halves(self) -> list["_Parcel"]:
        middle = len(self.events) // 2
        return [
            _Parcel(self._http, self._session, events, part_of=self)
            for events in (self.events[:middle], self.events[middle:])
        ]

    def results(self, outcome: Outcome) -> list[SendResult]:
        error = None if outcome is self.done else self._error
        return [
            SendResult(
                event.item_id,
                _IF_MAYBE_SENT.get(outcome, outcome) if event.maybe_sent else outcome,
                self.tries,
                self._request_id,
                error,
            )
            for event in self.events
        ]


def _params(event: MeterEvent) -> "MeterEventStreamCreateParamsEvent":
    return {
        "event_name": event.event_name,
        "identifier": event.identifier,
        "timestamp": _iso(event.timestamp),
        "payload": {event.customer_key: event.stripe_customer_id, event.value_key: event.value},
    }


@lru_cache(maxsize=1024)
def _iso(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat().replace("+00:00", "Z")
