"""The sending loop: claim from Postgres, send to Stripe with many in flight, settle what is known."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tenacity import AsyncRetrying

from billing_cli.domain.batch import MeterEvent, Outcome, SendResult, StopReason
from billing_cli.domain.errors import BillingError, Unavailable
from billing_cli.domain.meter import Backend
from billing_cli.domain.permit import Permit
from billing_cli.domain.plan import Plan
from billing_cli.domain.ports import UsageSender
from billing_cli.usecases.claiming import Claims
from billing_cli.usecases.environment import RunEnvironment
from billing_cli.usecases.patience import AWAY, PAUSES, Patience
from billing_cli.usecases.sharing import MEET, known_dead

_SETTLE = "billing_batch_settle_v1"
_SETTLE_EVERY_S = 0.25
# Also how soon the others hear of a runner that joins, and so how long that one waits.
_HEARTBEAT_S = 1.0
# So many heartbeats apart, what is left of the batch is counted, which costs more.
_COUNT_EVERY = 5
# So long, a lease, a run waits for the corrections of others: theirs may be in doubt, and they may wait for its own.
_IDLE_WAITS = round(60 / _SETTLE_EVERY_S)
# So many events in a row without a known outcome mean that Stripe is away, not that an item is bad.
_GIVE_UP_AFTER = 20


@dataclass(frozen=True)
class Work:
    """What a run does with a batch: the database's function that hands out its items, and what that is told."""

    claim: str
    claim_arguments: Mapping[str, object]


def sending(backend: Backend) -> Work:
    """To send what goes by one backend."""
    return Work("billing_batch_claim_v2", {"p_backend": backend.value})


class SendingRun:
    """One run over a batch. Every item it claims ends settled, or stays an open claim."""

    def __init__(
        self, run: RunEnvironment[Plan], sender: UsageSender, permit: Permit, work: Work, batch_id: str
    ) -> None:
        self._run = run
        self._sender = sender
        self._permit = permit
        self._work = work
        self._keys = {"p_batch_id": batch_id, "p_runner": run.runner, "p_actor": run.actor}
        self._beats = 0
        self._claims = Claims(self._claim, sender.parcel_events, sender.ordered, lambda: sender.events_per_s)
        self._under_way: set[asyncio.Task[None]] = set()
        self._answered = asyncio.Event()
        self._results: list[SendResult] = []
        self._stop: StopReason | None = None
        self._failure: BaseException | None = None
        self._unresolved_in_a_row = 0
        self._any_unresolved = False
        self._unsettled = 0
        self._runners = 1
        self._ended = asyncio.Event()
        self._patience = Patience(run.observer.database_away)

    async def run(self) -> StopReason | None:
        """Sends until nothing is left to claim, or a reason to stop. Ctrl-C lets what is in flight end.

        Raises BillingError when the key or the lease is lost, after settling what is known.
        """
        with suppress(NotImplementedError):  # no signal handlers on Windows' event loop
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(signal_number, self._interrupt, signal_number)
        await self._heartbeat()
        handing_out = asyncio.create_task(self._watch(self._hand_out()))
        handing_out.add_done_callback(lambda _: self._ended.set())
        background = (
            self._claims.fetch(),
            self._regularly(_SETTLE_EVERY_S, self._settle),
            self._regularly(_HEARTBEAT_S, self._heartbeat),
        )
        tasks = [handing_out, *(asyncio.create_task(self._watch(work)) for work in background)]
        try:
            await self._ended.wait()
        finally:
            await self._end(tasks)
        if self._failure:
            raise self._failure
        return self._stop or (StopReason.SOME_UNSETTLED if self._any_unresolved else None)

    def _interrupt(self, signal_number: int) -> None:
        """The first signal ends the run in order; a second one finds no handler and ends the process."""
        self._stop_for(StopReason.INTERRUPTED)
        self._run.interrupt_workers()
        asyncio.get_running_loop().remove_signal_handler(signal_number)

    def _stop_for(self, reason: StopReason) -> None:
        self._stop = self._stop or reason
        self._ended.set()

    async def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Whatever fails ends the run."""
        try:
            await work
        except Exception as error:
            # A database that was away when the run was interrupted is not why the run ended.
            if not (self._stop is StopReason.INTERRUPTED and type(error) is Unavailable):
                self._failure = self._failure or error
            self._ended.set()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Waits for what is in flight, gives back what was claimed and not sent, settles it all."""
        self._ended.set()
        self._sender.end()
        self._claims.close()
        handing_out, *_ = tasks
        handing_out.cancel()
        await asyncio.gather(*tasks, *self._under_way, return_exceptions=True)
        for event in self._claims.leftovers():
            outcome = Outcome.UNKNOWN if event.maybe_sent else Outcome.UNSENT
            self._results.append(SendResult(event.item_id, outcome, tries=0))
            self._unsettled += 1
        await self._settle()

    async def _hand_out(self) -> None:
        """Starts a parcel at every turn; cancelled when the run ends, but for what it started."""
        while parcel := await self._claims.next_parcel():
            try:
                await self._wait_for_place()
                await self._sender.turn(len(parcel))
                self._permit.check()
            except BaseException:
                self._claims.give_back(parcel)
                raise
            task = asyncio.create_task(self._watch(self._send(parcel)))
            self._under_way.add(task)
            task.add_done_callback(self._leave)
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _wait_for_place(self) -> None:
        while len(self._under_way) >= self._sender.in_flight:
            self._answered.clear()
            await self._answered.wait()

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._answered.set()

    async def _send(self, parcel: list[MeterEvent]) -> None:
        try:
            results = await self._sender.send(parcel)
        except BillingError:
            self._claims.give_back(parcel)
            raise
        finally:
            self._claims.done(parcel)
        for result in results:
            self._note(result)
        # A try that the permit stopped ends the run, which would go on counting failures of its own.
        self._permit.check()

    async def _claim(self, limit: int) -> list[MeterEvent]:
        if self._ended.is_set():
            return []
        answer = await self._call(self._work.claim, p_limit=limit, **self._work.claim_arguments)
        idle = 0
        while not answer["items"] and answer.get("waits") and idle <= (_IDLE_WAITS if self._runners > 1 else 1):
            idle = 0 if self._is_busy else idle + 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _SETTLE_EVERY_S)
                return []
            answer = await self._call(self._work.claim, p_limit=limit, **self._work.claim_arguments)
        return [MeterEvent(**item) for item in answer["items"]]

    @property
    def _is_busy(self) -> bool:
        """Whether anything that this run claimed has no settled answer yet."""
        return bool(self._under_way or self._unsettled or self._claims.on_hand)

    def _note(self, result: SendResult) -> None:
        self._results.append(result)
        self._unsettled += 1
        if result.outcome in (Outcome.UNKNOWN, Outcome.UNSENT):
            self._any_unresolved = True
            self._unresolved_in_a_row += 1
            if self._unresolved_in_a_row >= _GIVE_UP_AFTER:
                self._stop_for(StopReason.STRIPE_UNREACHABLE)
        else:
            self._unresolved_in_a_row = 0

    async def _regularly(self, interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), interval_s)
                return
            await action()

    async def _heartbeat(self) -> None:
        counts = self._run.workers is not None and self._beats % _COUNT_EVERY == 0
        self._beats += 1
        answer = await self._call(MEET, p_count=counts)
        if counts:
            self._run.observer.left(answer["left"])
        if dead := known_dead(answer, self._run.processes):
            # What they had claimed is free to be claimed again.
            await self._call(MEET, p_dead=dead)

    async def _settle(self) -> None:
        if not self._results:
            return
        results, self._results = self._results, []
        await self._call(_SETTLE, p_results=[r.document() for r in results])
        self._unsettled -= len(results)
        self._run.observer.settled([r for r in results if r.tries])

    async def _call(self, function: str, **args: object) -> dict[str, Any]:
        """A database call that renews the lease and the permit; repeated while the database is away, as all allow.

        Blocking drivers run beside the event loop. Once the run ends, only settling is repeated.
        """
        is_over = self._patience.is_over_for(function)
        async for attempt in AsyncRetrying(
            retry=AWAY,
            wait=PAUSES,
            stop=lambda state: is_over(state) or (self._ended.is_set() and function != _SETTLE),
            sleep=self._pause if function != _SETTLE else asyncio.sleep,
            reraise=True,
        ):
            with attempt:
                asked_at = self._permit.now()
                answer: dict[str, Any] = await asyncio.to_thread(
                    self._run.database.call, function, **self._keys, **args
                )
                self._patience.answered(function)
                self._permit.renew(asked_at, answer["permit_s"])
                self._runners = answer["runners"]
                most_per_s = answer["most_per_s"]
                self._sender.limit(None if most_per_s is None else float(most_per_s), answer["runners"])
        return answer

    async def _pause(self, seconds: float) -> None:
        """Ends early when the run ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
