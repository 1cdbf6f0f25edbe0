"""Tells people on stderr how a run goes."""

from billing_cli.cli.log import bind
from billing_cli.cli.progress import ConsoleProgress
from billing_cli.domain.batch import BatchSummary, SendResult
from billing_cli.domain.errors import Unavailable
from billing_cli.usecases.moving import Moved


class BatchObserver:
    """A batch on its way to Stripe."""

    def __init__(self, progress: ConsoleProgress) -> None:
        self._progress = progress
        self._events = 0

    def started(self, batch: BatchSummary) -> None:
        bind(batch_id=batch.batch_id)
        self._events = batch.left
        self._progress.err.print(f"Sending batch {batch.batch_id}: {batch.left:,} events.", soft_wrap=True)
        self._progress.begin(batch.left)

    def waiting(self, batch: BatchSummary) -> None:
        self._progress.err.print(
            f"Waiting up to {max(0, batch.runner_left_s or 0)} s: batch {batch.batch_id} is held by {batch.runner}, "
            f"last heard of {batch.runner_silent_s} s ago. It is taken over when its lease ends.",
            soft_wrap=True,
        )

    def proving(self, events: int) -> None:
        self._progress.err.print(
            f"Reading from Stripe's totals what became of {events:,} events that may have been sent over 23 h ago.",
            soft_wrap=True,
        )

    def database_away(self, error: Unavailable, patience_s: int) -> None:
        self._progress.err.print(f"{error.message} Trying again for {patience_s} s.", soft_wrap=True)

    def settled(self, results: list[SendResult]) -> None:
        self._progress.advance(len(results))

    def left(self, events: int) -> None:
        self._progress.reach(self._events - events)

    def worker_failed(self, what: str) -> None:
        self._progress.err.print(what, soft_wrap=True)


class RollbackObserver(BatchObserver):
    """A batch on its way back: so many of its events are to be cancelled."""

    def __init__(self, progress: ConsoleProgress, events: int) -> None:
        super().__init__(progress)
        self._events = events

    def started(self, batch: BatchSummary) -> None:
        bind(batch_id=batch.batch_id)
        self._progress.err.print(f"Rolling back batch {batch.batch_id}: {self._events:,} events.", soft_wrap=True)
        self._progress.begin(self._events)


class TotalsObserver:
    """Stripe's totals being read, at most `per_s` a second."""

    def __init__(self, progress: ConsoleProgress, per_s: float) -> None:
        self._progress = progress
        self._per_s = per_s

    def reading(self, totals: int) -> None:
        minutes = totals / self._per_s / 60
        if minutes >= 1:
            self._progress.err.print(
                f"Reading {totals:,} pages of totals takes about {minutes:.0f} minutes: Stripe lets {self._per_s:.0f} "
                "be read in a second.",
                soft_wrap=True,
            )
        self._progress.begin(totals)

    def read(self, totals: int) -> None:
        self._progress.advance(totals)


class PollObserver:
    """Totals that are read again and again are not worth a bar of their own."""

    def reading(self, totals: int) -> None: ...

    def read(self, totals: int) -> None: ...


class MoneyObserver:
    """Intents being carried out."""

    def __init__(self, progress: ConsoleProgress) -> None:
        self._progress = progress

    def moving(self, count: int) -> None:
        self._progress.begin(count)

    def moved(self, moved: Moved) -> None:
        self._progress.advance(1)
