"""What is said on stderr, as JSON lines where BILLING_LOG=json asks for them."""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO, cast

from billing_cli.domain.errors import Misconfigured

# What a scheduler mends by running the same command again: partly done, and try later.
_TO_REPEAT = {5, 75}


def logged(run: Callable[[], int]) -> int:
    """Runs a command; with BILLING_LOG=json all that it says on stderr is JSON lines, and its end is one too.

    The variable is read from the process environment only: it must count before any file is read.
    """
    if os.environ.get("BILLING_LOG") != "json":
        return run()
    plain, begun_at = sys.stderr, time.monotonic()
    lines = JsonLines(plain)
    sys.stderr = cast(TextIO, lines)
    code = run()
    lines.finish()
    level = "info" if code == 0 else "warning" if code in _TO_REPEAT else "error"
    lines.record(level, f"Ended with exit code {code}.", exit_code=code, seconds=round(time.monotonic() - begun_at, 3))
    sys.stderr = plain
    return code


def refuse_other_formats() -> None:
    """Raises Misconfigured where BILLING_LOG asks for what there is not."""
    if os.environ.get("BILLING_LOG", "text") not in ("json", "text"):
        raise Misconfigured("BILLING_LOG is neither json nor text.", "Set it to json, or unset it.")


def bind(**fields: str) -> None:
    """From now on every line of the log has these fields too."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.fields.update(fields)


def record_warning(code: str, message: str) -> bool:
    """One line of the log; False if stderr is for people."""
    if not isinstance(sys.stderr, JsonLines):
        return False
    sys.stderr.record("warning", message, code=code)
    return True


def record_error(message: str, next_step: str) -> bool:
    """One line of the log; False where there is none, but a stderr for people."""
    if not isinstance(sys.stderr, JsonLines):
        return False
    sys.stderr.record("error", message, **({"next_step": next_step} if next_step else {}))
    return True


class JsonLines(io.TextIOBase):
    """A stderr that makes every line that is written to it one JSON object: `time`, `level`, `run_id`, `message`."""

    def __init__(self, stream: TextIO) -> None:
        self.fields = {"run_id": os.urandom(6).hex()}
        self._stream = stream
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                self.record("info", line.strip())
        return len(text)

    def finish(self) -> None:
        """A line that was begun ends here."""
        self.write("\n")

    def record(self, level: str, message: str, **fields: object) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document = {"time": at, "level": level, **self.fields, "message": message, **fields}
        self._stream.write(json.dumps(document) + "\n")
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False
