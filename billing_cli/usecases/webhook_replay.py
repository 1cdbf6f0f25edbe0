"""Replaying kept events: planned, written down, sent object by object in Stripe's order, and resumable."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput, LockHeld
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.permit import Clocks, Permit
from billing_cli.domain.ports import Database, EventPoster, Processes
from billing_cli.domain.replay import Delivery, Replay, ReplayEvent, ReplayPlan, plan_replay
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.stopping import stopping
from billing_cli.usecases.webhooks import EventFilter, find_events

_WORKERS = 16
_PAGE = 200
_SETTLE_EVERY_S = 1.0


class ReplayObserver(Protocol):
    """Is told what happens, for people to read."""

    def begin(self, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True)
class ReplayEnvironment:
    """What a replay needs besides its plan and its poster."""

    database: Database
    processes: Processes
    actor: str
    runner: str
    clocks: Clocks
    observer: ReplayObserver


@dataclass(frozen=True)
class Replayed:
    """The replay after this run, and every delivery of the run in the order they were answered."""

    replay: Replay
    deliveries: tuple[Delivery, ...]
    seconds: float


def select_events(database: Database, wanted: EventFilter, target: str, request: Mapping[str, object]) -> "Selected":
    """The kept events a replay would send. Raises BadInput for none named, or for live and test ones together."""
    found = list(find_events(database, wanted))
    missing = set(wanted.event_ids or ()) - {event.event_id for event in found}
    if missing:
        raise BadInput(f"Not kept here: {', '.join(sorted(missing))}.", "Get them with: billing webhooks fetch")
    if len({event.livemode for event in found}) > 1:
        raise BadInput("Live and test events are not replayed together.", "Narrow it with --since, --type or --event.")
    events = [
        ReplayEvent(number, event.event_id, event.event_type, event.object_id or event.event_id)
        for number, event in enumerate(found, start=1)
    ]
    return Selected(target, tuple(events), found[0].livemode if found else None, None, request)


@dataclass(frozen=True)
class Selected:
    """Events and where they go, before it is known whose they are. `livemode` is None where there are none."""

    target: str
    events: tuple[ReplayEvent, ...]
    livemode: bool | None
    replay_id: str | None
    request: Mapping[str, object]

    def plan(self, identity: StripeIdentity) -> ReplayPlan:
        return plan_replay(identity, self.target, self.events, self.replay_id, self.request)


def select_rest(database: Database, replay_id: str, request: Mapping[str, object]) -> Selected:
    """What an earlier replay has not delivered. Raises BadInput where there is no such replay."""
    replay = Replay.from_document(database.call("billing_webhook_replay_show_v1", p_replay_id=replay_id))
    events = tuple(_event(item) for item in _items(database, replay_id))
    return Selected(replay.target, events, replay.livemode, replay_id, request)


def run_replay(
    approved: ApprovedPlan[ReplayPlan], poster: EventPoster, run: ReplayEnvironment, per_s: float, keep_going: bool
) -> Replayed:
    """Sends what the plan names. Ctrl-C lets what is in flight end; the rest waits for `--resume`.

    Raises LockHeld where another run is at the same replay, LeaseLost where one took it over.
    """
    plan = approved.plan
    replay_id = plan.replay_id or _open(plan, run)
    permit = Permit(run.clocks)
    _acquire(replay_id, permit, run)
    items = list(_items(run.database, replay_id))
    run.observer.begin(len(items))
    started_s = time.monotonic()
    work = _Work(items, per_s, keep_going)
    try:
        with stopping(work.stop), ThreadPoolExecutor(_WORKERS) as pool:
            workers = [pool.submit(_send, work, poster, permit) for _ in range(_WORKERS)]
            try:
                _settle_while(workers, work, replay_id, permit, run)
            finally:
                work.stop()
    finally:
        replay = _settle(replay_id, permit, run, work.take_results(), finish=True)
    return Replayed(replay, tuple(work.all_results), time.monotonic() - started_s)


class _Work:
    """Events by what they are about: of one object, one at a time and in order."""

    def __init__(self, items: Sequence[Mapping[str, Any]], per_s: float, keep_going: bool) -> None:
        by_subject: dict[str, deque[Mapping[str, Any]]] = {}
        for item in items:
            by_subject.setdefault(_event(item).subject, deque()).append(item)
        self._ready = deque(by_subject.values())
        self._in_flight = 0
        self._pause_s, self._next_at = 1 / per_s if per_s > 0 else 0.0, 0.0
        self._keep_going = keep_going
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._results: list[Delivery] = []
        self.all_results: list[Delivery] = []

    def take(self) -> deque[Mapping[str, Any]] | None:
        """A subject's remaining events, to send the first of; None when there will be no more."""
        with self._changed:
            while not self._ready and self._in_flight and not self._stopped.is_set():
                self._changed.wait(0.1)
            if self._stopped.is_set() or not self._ready:
                return None
            self._in_flight += 1
            wait_s = self._turn_s()
            events = self._ready.popleft()
        if self._stopped.wait(wait_s) if wait_s > 0 else False:
            return None
        return events

    def note(self, events: deque[Mapping[str, Any]], result: Delivery) -> None:
        """A subject goes on after a success only: what follows a failure would come out of order."""
        with self._changed:
            events.popleft()
            self._in_flight -= 1
            self._results.append(result)
            self.all_results.append(result)
            if result.error is None and events:
                self._ready.append(events)
            if result.error is not None and not self._keep_going:
                self._stopped.set()
            self._changed.notify_all()

    def take_results(self) -> list[Delivery]:
        with self._changed:
            taken, self._results = self._results, []
            return taken

    def stop(self) -> None:
        self._stopped.set()

    def _turn_s(self) -> float:
        now = time.monotonic()
        self._next_at = max(self._next_at, now) + self._pause_s
        return self._next_at - self._pause_s - now


def _send(work: _Work, poster: EventPoster, permit: Permit) -> None:
    while (events := work.take()) is not None:
        work.note(events, poster.post(_event(events[0]), events[0]["payload"], permit))


def _settle_while(
    workers: Sequence["Future[None]"], work: _Work, replay_id: str, permit: Permit, run: ReplayEnvironment
) -> None:
    """Writes results down about every second, which renews the lease and the permit too."""
    running = set(workers)
    while running:
        done, running = wait(running, timeout=_SETTLE_EVERY_S, return_when=FIRST_EXCEPTION)
        results = work.take_results()
        _settle(replay_id, permit, run, results)
        run.observer.advance(len(results))
        for worker in done:
            worker.result()


def _settle(
    replay_id: str, permit: Permit, run: ReplayEnvironment, results: Sequence[Delivery], finish: bool = False
) -> Replay:
    asked_at = permit.now()
    answer = database_call(
        run.database,
        "billing_webhook_replay_settle_v1",
        p_replay_id=replay_id,
        p_runner=run.runner,
        p_actor=run.actor,
        p_results=[result.document() for result in results],
        p_finish=finish,
    )
    permit.renew(asked_at, answer["permit_s"])
    return Replay.from_document(answer)


def _open(plan: ReplayPlan, run: ReplayEnvironment) -> str:
    replay_id = f"rpl_{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(4)}"
    database_call(
        run.database,
        "billing_webhook_replay_open_v1",
        p_replay_id=replay_id,
        p_target=plan.target,
        p_livemode=plan.identity.livemode,
        p_digest=plan.digest,
        p_actor=run.actor,
        p_event_ids=[event.event_id for event in plan.events],
    )
    return replay_id


def _acquire(replay_id: str, permit: Permit, run: ReplayEnvironment) -> None:
    asked_at = permit.now()
    keys = {"p_replay_id": replay_id, "p_runner": run.runner}
    answer = database_call(run.database, "billing_webhook_replay_acquire_v1", **keys)
    holder = answer["runner"]
    if not answer["acquired"] and run.processes.is_alive(holder or "") is False:
        answer = database_call(run.database, "billing_webhook_replay_acquire_v1", **keys, p_dead_runner=holder)
    if not answer["acquired"]:
        raise LockHeld(
            f"Another run ({holder}) is at replay {replay_id}.", "Wait for it, then run this again; at most a minute."
        )
    permit.renew(asked_at, answer["permit_s"])


def _items(database: Database, replay_id: str) -> Iterator[dict[str, Any]]:
    after = 0
    while page := database.call("billing_webhook_replay_items_v1", p_replay_id=replay_id, p_after=after, p_limit=_PAGE):
        yield from page
        after = page[-1]["position"]


def _event(item: Mapping[str, Any]) -> ReplayEvent:
    subject = item["object_id"] or item["event_id"]
    return ReplayEvent(item["position"], item["event_id"], item["event_type"], subject)
