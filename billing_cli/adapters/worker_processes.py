"""Processes of this machine that send a batch together with this one."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_DONE = {0, 3, 5}  # 3 and 5 are the batch's own: what a worker met, or left, is in its counts


class WorkerProcesses:
    """`count` processes, each of which runs the words that follow `billing`, with {batch} for the batch's id.

    They have a session of their own, so that a Ctrl-C of the terminal reaches them once, from this process.
    """

    def __init__(self, count: int, words: Sequence[str]) -> None:
        self._count = count
        self._words = words
        self._processes: list[subprocess.Popen[str]] = []
        self._interrupted = False

    def start(self, batch_id: str) -> None:
        """See `billing_cli.domain.ports.Workers`; so below."""
        # -P: not a module that happens to lie in the working directory.
        command = [
            sys.executable,
            "-P",
            "-m",
            "billing_cli",
            *(word.replace("{batch}", batch_id) for word in self._words),
        ]
        # What they say is read here and becomes a part of a sentence: for people, whatever this process writes.
        environment = {name: value for name, value in os.environ.items() if name != "BILLING_LOG"}
        for _ in range(self._count):
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )

    def interrupt(self) -> None:
        if not self._interrupted:
            self._interrupted = True
            # Like Ctrl-C to a run; and to an interpreter that has barely begun an end without a complaint.
            self._send(signal.SIGTERM)

    def wait(self) -> list[str]:
        try:
            said = [process.communicate()[1] for process in self._processes]
        except BaseException:
            self.kill()
            raise
        ended, self._processes = self._processes, []  # an export may send two batches: an older one, then its own
        expected = {*_DONE, -signal.SIGTERM, -signal.SIGKILL} if self._interrupted else _DONE
        ends = enumerate(zip(ended, said, strict=True), start=1)
        return [_sentence(n, p.returncode, text) for n, (p, text) in ends if p.returncode not in expected]

    def kill(self) -> None:
        self._interrupted = True
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)


def _sentence(number: int, code: int, said: str) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    why = " ".join(said.split())
    return f"Worker {number} {how}{f': {why}' if why else '.'} What it had claimed is sent by those that are left."
