"""`billing` as a process of its own: on a pseudo-terminal of a given size, or in a pipe."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BILLING = [sys.executable, "-m", "billing_cli"]


@dataclass(frozen=True)
class Screen:
    """All that came out of stdout and stderr together, and the exit code."""

    text: str
    code: int


def on_terminal(words: Sequence[str], environment: Mapping[str, str], columns: int = 80) -> Screen:
    """stdin, stdout and stderr are a terminal `columns` wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        text = _all_of(ours)
    os.close(ours)
    return Screen(text.replace("\r\n", "\n"), process.returncode)


def in_pipe(words: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
    """stdin is empty."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=environment)


def _all_of(terminal: int) -> str:
    found = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # on Linux, where the other end is closed
            part = b""
        if not part:
            return found.decode()
        found += part
