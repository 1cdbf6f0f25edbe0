"""Rows on their way into the engine: a file of one JSON object a line, so that memory does not grow with them."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from billing_cli.domain.errors import Misconfigured

# What to do where the disk is full.
NO_ROOM = "Make room, or set TMPDIR to a directory that has some."


class Spool:
    """A context manager; several threads may add rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.empty = True

    def __enter__(self) -> "Spool":
        self._file = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _room():
            self._file.close()

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        self.add_lines("".join(json.dumps(row) + "\n" for row in rows))

    def add_lines(self, lines: str) -> None:
        """Rows that are JSON already, one a line."""
        if not lines:
            return
        with self._lock, _room():
            self._file.write(lines if lines.endswith("\n") else lines + "\n")
            self.empty = False


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"The rows cannot be kept for the comparison: {error.strerror}.", NO_ROOM) from None
