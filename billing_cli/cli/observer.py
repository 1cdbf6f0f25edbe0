"""Tells people on stderr how a run goes: a progress bar, or plain lines where there is no terminal."""

import time
from collections import Counter
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from billing_cli.cli.state import State
from billing_cli.domain.batch import BatchSummary, SendResult

_LINE_EVERY_S = 5.0


class ConsoleObserver:
    """A context manager, so that the bar is gone before the result is printed."""

    def __init__(self, state: State) -> None:
        self._err = state.err
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=state.err,
            transient=True,
            disable=not state.err.is_terminal or state.quiet,
        )
        self._task: TaskID | None = None
        self._counts: Counter[str] = Counter()
        self._left = 0
        self._line_at = time.monotonic()

    def __enter__(self) -> "ConsoleObserver":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, batch: BatchSummary) -> None:
        self._left = batch.left
        self._counts.clear()
        self._err.print(f"Sending batch {batch.batch_id}: {batch.left:,} events.", soft_wrap=True)
        self._task = self._bar.add_task("sending", total=batch.left)

    def waiting(self, batch: BatchSummary) -> None:
        self._err.print(
            f"Waiting up to {max(0, batch.runner_left_s or 0)} s: batch {batch.batch_id} is held by {batch.runner}, "
            f"last heard of {batch.runner_silent_s} s ago. It is taken over when its lease ends.",
            soft_wrap=True,
        )

    def settled(self, results: list[SendResult]) -> None:
        self._counts.update(result.outcome.value for result in results)
        if self._task is not None:
            self._bar.advance(self._task, len(results))
        now = time.monotonic()
        if not self._err.is_terminal and now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            done = sum(self._counts.values())
            self._err.print(f"{done:,} of {self._left:,} events settled", soft_wrap=True)
