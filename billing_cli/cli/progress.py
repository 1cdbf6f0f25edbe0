"""Progress on stderr: a bar, or a plain line every five seconds where there is no terminal."""

import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from billing_cli.cli.state import State

_LINE_EVERY_S = 5.0


class ConsoleProgress:
    """A context manager, so that the bar is gone before the result is printed. `what` is a plural noun."""

    def __init__(self, state: State, what: str) -> None:
        self.err = state.err
        self._what = what
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=state.err,
            transient=True,
            disable=not state.err.is_interactive or state.quiet,
        )
        self._task: TaskID | None = None
        self._done = self._total = 0
        self._line_at = time.monotonic()

    def __enter__(self) -> "ConsoleProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        self._done, self._total = 0, total
        self._task = self._bar.add_task(self._what, total=total)

    def advance(self, count: int) -> None:
        self.reach(self._done + count)

    def reach(self, done: int) -> None:
        """Never backwards."""
        self._done = max(self._done, done)
        if self._task is not None:
            self._bar.update(self._task, completed=self._done)
        now = time.monotonic()
        if not self.err.is_interactive and now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            self.err.print(f"{self._done:,} of {self._total:,} {self._what}", soft_wrap=True)


class ConsoleCount:
    """A context manager that counts on stderr, where nobody knows the end; `what` is a plural noun."""

    def __init__(self, state: State, what: str) -> None:
        self._state = state
        self._what = what
        self._done = 0
        self._shown_at = time.monotonic()
        self._status = state.err.status(f"0 {what}") if state.err.is_interactive and not state.quiet else None

    def __enter__(self) -> "ConsoleCount":
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def advance(self, count: int) -> None:
        self._done += count
        self._show(f"{self._done:,} {self._what}")

    def waited(self, seconds: float) -> None:
        self._show(f"waiting for Stripe's report, {seconds:.0f} s")

    def _show(self, text: str) -> None:
        if self._status:
            self._status.update(text)
        elif time.monotonic() - self._shown_at >= _LINE_EVERY_S:
            self._shown_at = time.monotonic()
            self._state.err.print(text, soft_wrap=True)
