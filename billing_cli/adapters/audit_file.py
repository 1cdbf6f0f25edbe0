"""What is known elsewhere of the audit log: a file of JSON lines, appended to and never rewritten."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TextIO

from billing_cli.domain.audit import AuditHead
from billing_cli.domain.errors import BadInput, Misconfigured

_MODE = 0o600
_BLOCK_BYTES = 1 << 16
# Characters; a row's details are some hundred.
_LONGEST_LINE = 16 << 20
_SEE_WHAT = "See what changed the file, and put it back."


class JsonLinesAuditFile:
    """Made with mode 0600 when first appended to; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def heads(self) -> list[AuditHead]:
        """Of every line; none if there is no file yet. Raises BadInput for a line that is not ours."""
        found = (self._head(line, number) for number, line in self.lines())
        return [head for head in found if head]

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines by number; none if there is no file yet. A last line that was torn is left out: it is sent again.

        Raises BadInput if it is no text, Misconfigured if it cannot be read or is no regular file.
        """
        try:
            with self._opened() as file:
                for number in count(1):
                    line = file.readline(_LONGEST_LINE)
                    if len(line) == _LONGEST_LINE:
                        raise BadInput(f"Line {number} of {self.path} is no line of the audit log.", _SEE_WHAT)
                    if not line.endswith("\n") and not _is_whole(line):
                        return
                    yield number, line
        except FileNotFoundError:
            return
        except OSError as error:
            raise Misconfigured(f"{self.path} cannot be read: {error.strerror}.", "Check its rights.") from None
        except UnicodeDecodeError:
            raise BadInput(f"{self.path} is no text.", "Name a file of BILLING_AUDIT_FILE.") from None

    def _opened(self) -> TextIO:
        """Without waiting for a writer, should it be a pipe."""
        handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Misconfigured(f"{self.path} is no regular file.", "Name another place.")
        return os.fdopen(handle, encoding="utf-8", newline="\n")

    def look(self) -> None:
        """Like `check`, but makes no file: where there is none yet, its directory must take one."""
        if os.path.lexists(self.path):
            os.close(self._open(os.O_RDWR))
        elif not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise Misconfigured(
                f"BILLING_AUDIT_FILE: {self.path.parent} is missing, or takes no file.", "Name another place."
            )

    @contextmanager
    def appending(self) -> Iterator["AppendedFile"]:
        """One process at a time; others wait. What a crash left of a line is taken away: it is sent again."""
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            last, end = _last_line(handle)
            if end != os.fstat(handle).st_size:
                os.ftruncate(handle, end)
            yield AppendedFile(self.path, handle, None if last is None else self._head(last, None))
        except OSError as error:
            raise Misconfigured(f"{self.path} cannot be written: {error.strerror}.", "Make room for it.") from None
        finally:
            os.close(handle)

    def _open(self, access: int = os.O_RDWR | os.O_CREAT) -> int:
        """Never through a link, which somebody else may have put there."""
        flags = access | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags, _MODE)
        except OSError as error:
            raise Misconfigured(
                f"BILLING_AUDIT_FILE: {self.path} cannot be written: {error.strerror}.", "Name another place."
            ) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Misconfigured(f"BILLING_AUDIT_FILE: {self.path} is no regular file.", "Name another place.")
        return handle

    def _head(self, line: str, number: int | None) -> AuditHead | None:
        try:
            return AuditHead.from_line(line)
        except ValueError:
            where = f"Line {number} of {self.path}" if number else f"The last line of {self.path}"
            raise BadInput(f"{where} is no line of the audit log.", _SEE_WHAT) from None


class AppendedFile:
    """While it is locked; `head` is that of its last line."""

    def __init__(self, path: Path, handle: int, head: AuditHead | None) -> None:
        self._path, self._handle, self.head = path, handle, head

    def append(self, lines: str) -> AuditHead | None:
        """All of them or none, on disk when this returns the head of the last one."""
        before = os.fstat(self._handle).st_size
        content = f"{lines}\n".encode()
        try:
            written = 0
            while written < len(content):
                written += os.write(self._handle, content[written:])
            os.fsync(self._handle)
        except BaseException:
            os.ftruncate(self._handle, before)
            raise
        return AuditHead.from_line(lines.rpartition("\n")[2])


def _is_whole(line: str) -> bool:
    try:
        return AuditHead.from_line(line) is not None
    except ValueError:
        return False


def _last_line(handle: int) -> tuple[str | None, int]:
    """The last whole line, if there is one, and where it ends: what follows that is torn."""
    size = os.fstat(handle).st_size
    start, tail = size, b""
    while start and tail.count(b"\n") < 2:
        length = min(_BLOCK_BYTES, start)
        start -= length
        tail = os.pread(handle, length, start) + tail
    whole, newline, _ = tail.rpartition(b"\n")
    last = whole.rpartition(b"\n")[2].decode("utf-8", "replace") if newline else None
    return last, start + len(whole) + len(newline)
