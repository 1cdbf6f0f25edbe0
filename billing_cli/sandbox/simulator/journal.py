"""The simulator's memory on disk: one JSON line per change, replayed at start."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Append-only. Flushed to the kernel per request without fsync: a killed process loses nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[str] = []
        self._repair()
        self._file = path.open("a", encoding="utf-8")

    def replay(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def append(self, record: dict[str, Any]) -> None:
        self._pending.append(json.dumps(record, separators=(",", ":")))

    def flush(self) -> None:
        if self._pending:
            self._file.write("\n".join(self._pending) + "\n")
            self._file.flush()
            self._pending.clear()

    def clear(self) -> None:
        self._pending.clear()
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        self.flush()
        self._file.close()

    def _repair(self) -> None:
        """Cut a last line that a crash of the whole machine left without its end."""
        self._path.touch(mode=0o600)
        with self._path.open("rb+") as file:
            data = file.read()
            if data and not data.endswith(b"\n"):
                file.truncate(data.rfind(b"\n") + 1)
