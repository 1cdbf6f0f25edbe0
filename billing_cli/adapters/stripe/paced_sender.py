"""What all senders of usage have in common: a pace, shared with other runners, and an end."""

import asyncio
from contextlib import suppress

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.pace import Pace
from billing_cli.domain.account import is_live_key

# A little less than Stripe allows is never refused.
_OF_THE_LIMIT = 0.98
# All calls of a test-mode key to Stripe itself share 25 a second.
_TEST_MODE_PER_S = 24.0


class PacedSender:
    """Made inside an event loop. `may_per_s` is what Stripe takes of one account, in events; None: nobody knows."""

    def __init__(self, may_per_s: float | None, events_a_call: int = 1) -> None:
        self._may_per_s = may_per_s
        self.pace = Pace(may_per_s, events_a_call)
        self._ending = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """See `billing_cli.domain.ports.UsageSender.in_flight`."""
        return self.pace.in_flight

    @property
    def events_per_s(self) -> float | None:
        """See `billing_cli.domain.ports.UsageSender.events_per_s`."""
        return self.pace.per_s

    def limit(self, events_per_s: float | None, shared_by: int) -> None:
        """See `billing_cli.domain.ports.UsageSender.limit`: what the key may do is shared out as well."""
        limits = [limit for limit in (self._may_per_s, events_per_s) if limit is not None]
        self.pace.limit(min(limits) / shared_by if limits else None)

    async def turn(self, events: int) -> None:
        """See `billing_cli.domain.ports.UsageSender.turn`."""
        await self.pace.wait_async(events)

    def end(self) -> None:
        """See `billing_cli.domain.ports.UsageSender.end`."""
        self._ending.set()

    @property
    def ending(self) -> bool:
        """Whether nothing is to be tried again."""
        return self._ending.is_set()

    async def turn_unless_ending(self, events: int) -> bool:
        """The turn of another try; False where there is none any more."""
        turn = asyncio.ensure_future(self.pace.wait_async(events))
        ended = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait([turn, ended], return_when=asyncio.FIRST_COMPLETED)
        for future in (turn, ended):
            future.cancel()
        return not self.ending

    async def pause(self, seconds: float) -> None:
        """Sleeps, but not longer than the run lasts."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)


def key_may_per_s(connection: StripeConnection, base: str | None, live_per_s: float) -> float | None:
    """How many events a second to begin with: by the key's mode; None for any other address than Stripe's own."""
    if base is not None:
        return None
    return _OF_THE_LIMIT * live_per_s if is_live_key(connection.key) else _TEST_MODE_PER_S
