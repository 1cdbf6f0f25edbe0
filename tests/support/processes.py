"""`billing` in processes of its own, none of which outlives its test."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Start = Callable[..., subprocess.Popen[str]]


@contextmanager
def billing_processes(environment: Mapping[str, str], *always: str) -> Iterator[Start]:
    """Starts `billing ALWAYS WORDS`, with more variables where they are given."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "billing_cli", *always, *words]
        pipe, variables = subprocess.PIPE, {**environment, **variables}
        processes.append(subprocess.Popen(command, env=variables, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    try:
        yield start
    finally:
        for process in processes:
            process.kill()
            process.communicate()
