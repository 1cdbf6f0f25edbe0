"""What the runners of one batch know of each other: who joins, who died, and who goes last."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.ports import Processes

_POLL_S = 0.25

Call = Callable[..., Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Others:
    """The other runners of a batch, through calls that renew this one's lease. `ended` lets nobody wait on."""

    call: Call
    processes: Processes
    ended: asyncio.Event

    async def be_heard_of(self) -> None:
        """Waits until every other runner has called since this one joined, and so keeps to the new shares."""
        answer = await self.meet()
        joined_at = answer["at"]
        while answer["others"] and not all(other["heard"] for other in answer["others"]):
            if await self._pause():
                return
            answer = await self.meet(joined_at)

    async def meet(self, since: str | None = None) -> dict[str, Any]:
        """Who else is at work. Takes away those that are known to be dead, so that their claims are free."""
        answer = await self.call("billing_batch_others_v1", p_since=since)
        dead = [other["runner"] for other in answer["others"] if self.processes.is_alive(other["runner"]) is False]
        return await self.call("billing_batch_others_v1", p_since=since, p_dead=dead) if dead else answer

    async def wait_a_moment(self) -> bool:
        """Where nothing is left to claim: whether to look again, because a runner that joined later is at work.

        It may leave claims behind. Each waits for later ones only, so that no two wait for each other.
        """
        answer = await self.meet()
        return any(other["later"] for other in answer["others"]) and not await self._pause()

    async def _pause(self) -> bool:
        """Whether the run ended meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), _POLL_S)
        return self.ended.is_set()
