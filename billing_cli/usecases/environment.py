"""What carrying a plan for batches out needs: that it is approved, the outside, and whom to tell how it goes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol

from billing_cli.domain.batch import BatchSummary, SendResult
from billing_cli.domain.errors import Unavailable
from billing_cli.domain.gate import ApprovedPlan, P_co
from billing_cli.domain.meter import Backend
from billing_cli.domain.permit import Clocks, Permit
from billing_cli.domain.ports import Database, LedgerReader, Processes, UsageSender, Workers


class Observer(Protocol):
    """Is told what happens, for people to read."""

    def started(self, batch: BatchSummary) -> None: ...

    def waiting(self, batch: BatchSummary) -> None: ...

    def proving(self, events: int) -> None: ...

    def database_away(self, error: Unavailable, patience_s: int) -> None: ...

    def settled(self, results: list[SendResult]) -> None: ...

    def left(self, events: int) -> None:
        """Of the whole batch, whoever sends it; told only where there are `workers`."""
        ...

    def worker_failed(self, what: str) -> None: ...


@dataclass(frozen=True)
class RunEnvironment(Generic[P_co]):
    """An approved plan, without which there is no run, and what else that needs.

    `sender` makes one HTTP session per run.

    With `shares`, others may send the same batch at the same time; `most_per_s` is for all of them together, and
    `workers` are those that this run brings along.
    `canceller` is told of events too, and has Stripe forget them.
    `ledger` reads Stripe's totals, which may lag by `usage_lag_s`.
    """

    approved: ApprovedPlan[P_co]
    database: Database
    sender: Callable[[Backend, Permit], UsageSender]
    canceller: Callable[[Permit], UsageSender]
    ledger: Callable[[], LedgerReader]
    usage_lag_s: int
    processes: Processes
    actor: str
    runner: str
    clocks: Clocks
    observer: Observer
    shares: bool = False
    most_per_s: float | None = None
    workers: Workers | None = None

    def interrupt_workers(self) -> None:
        if self.workers:
            self.workers.interrupt()
