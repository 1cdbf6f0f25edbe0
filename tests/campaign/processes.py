"""Processes of a run: begun, hit by signals at their moments, put to sleep for a day, and awaited."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import psutil
from support.crash import Step

HANGS_AFTER_S = 90
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP")


@dataclass(frozen=True)
class Hit:
    """A signal to the process with this number, so many seconds after the attempt began; or at a step of its own."""

    number: int
    signal: str
    after_s: float
    step: Step | None = None


def hit_all(processes: Sequence[BaseProcess], hits: Iterable[Hit]) -> list[BaseProcess]:
    """Every hit at its moment; returns the processes that are asleep after it."""
    started_at = time.monotonic()
    for hit in sorted(hits, key=lambda hit: hit.after_s):
        if hit.step is None:
            processes[hit.number].join(max(0.0, started_at + hit.after_s - time.monotonic()))
            _hit(processes[hit.number], hit.signal)
    stopped = {hit.number for hit in hits if hit.signal == "SIGSTOP"}
    return [processes[number] for number in sorted(stopped) if _is_asleep(processes[number])]


def sleep_through(
    sleepers: Sequence[BaseProcess],
    let_time_pass: Callable[[], None],
    take_over: Callable[[], BaseProcess | None],
    wakes_after_s: float | None,
) -> list[int | None]:
    """Time passes, and then they wake: at once, or so long after another process took over, or again later.

    Returns the exit codes, the sleepers' last.
    """
    let_time_pass()
    successor = take_over()
    if successor and wakes_after_s is None:
        successor.join(HANGS_AFTER_S)
        let_time_pass()
    elif successor:
        successor.join(wakes_after_s)
    for sleeper in sleepers:
        assert sleeper.pid is not None
        os.kill(sleeper.pid, signal.SIGCONT)
    return [end(process) for process in ([successor] if successor else []) + list(sleepers)]


def end(process: BaseProcess) -> int | None:
    """Its exit code, None if it hung."""
    process.join(HANGS_AFTER_S)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def _hit(process: BaseProcess, name: str) -> None:
    if process.is_alive() and process.pid:
        os.kill(process.pid, signal.Signals[name])


def _is_asleep(process: BaseProcess) -> bool:
    """Waits until the signal has had its effect."""
    with suppress(psutil.NoSuchProcess):
        while process.is_alive():
            if psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                return True
            time.sleep(0.01)
    return False
