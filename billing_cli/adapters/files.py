"""Files written all or not at all: in a directory, or in a zip file."""

import errno
import os
import tempfile
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

from billing_cli.domain.errors import Misconfigured


def write_atomically(path: Path, content: bytes) -> None:
    """Readable by the owner only. Raises Misconfigured if it cannot be, and for a link, a device or a pipe.

    A pipe without a reader would be waited for.
    """
    _refuse_other_than_file(path)
    try:
        _publish(_draft(path, content), path)
    except OSError as error:
        raise _unwritable(path, error) from None


def check_room(path: Path, size: int) -> None:
    """Before what cannot be taken back: raises Misconfigured where `size` bytes cannot be written there now."""
    check_place(path)
    try:
        _draft(path, bytes(size)).unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def check_place(path: Path) -> None:
    """Before long work: raises Misconfigured where `write_atomically` would certainly fail."""
    _refuse_other_than_file(path)
    if path.is_dir():
        raise Misconfigured(f"{path} is a directory.", "Name a file.")
    there = path.absolute().parent
    if not there.is_dir():
        raise Misconfigured(f"{path} cannot be written: {there} is no directory.", "Make it, or name another place.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise Misconfigured(f"{path} cannot be written: {there} takes no files.", "Name another place.")


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise Misconfigured(f"{path} is a link, and is not written through.", "Remove it, or name another place.")


def _refuse_other_than_file(path: Path) -> None:
    _refuse_link(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Misconfigured(f"{path} is no regular file, and is not written to.", "Name another place.")


def _draft(path: Path, content: bytes) -> Path:
    """The whole content in a file beside `path`, safe on the disk; nothing is left where that fails."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _publish(draft: Path, path: Path) -> None:
    """Puts the draft in its place: a link that lies there by now is replaced, and not followed."""
    try:
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"{path} cannot be written: {error.strerror}.", "Name another place, or make room.")


class DirectoryStore:
    """Files beside each other, in a directory that is made for them. Names come from domain/invoice_file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> bytes | None:
        path = self._directory / name
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None

    def write(self, name: str, content: bytes) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self._directory, error) from None
        write_atomically(self._directory / name, content)

    def keep(self, name: str) -> None:
        """It is there already."""

    def finish(self) -> None:
        """Every file is whole already."""

    def discard(self) -> None:
        """Every file is whole: those that came are good for the next run."""


class ZipStore:
    """A zip file, written beside the old one and put in its place at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = _opened(path)
        self._lock = threading.Lock()
        try:
            handle, self._draft = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
            self._new = zipfile.ZipFile(os.fdopen(handle, "wb"), "w", zipfile.ZIP_DEFLATED)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be written: {error.strerror}.", "Name another place with -o.") from None

    def read(self, name: str) -> bytes | None:
        with self._lock:
            return self._old.read(name) if self._old and name in self._old.namelist() else None

    def write(self, name: str, content: bytes) -> None:
        with self._lock:
            try:
                self._new.writestr(name, content)
            except OSError as error:
                raise Misconfigured(f"{self._path} cannot be written: {error.strerror}.", "Make room.") from None

    def keep(self, name: str) -> None:
        self.write(name, self.read(name) or b"")

    def finish(self) -> None:
        try:
            self._new.close()
            Path(self._draft).replace(self._path)
        except OSError as error:
            self.discard()
            raise Misconfigured(f"{self._path} cannot be written: {error.strerror}.", "Make room.") from None

    def discard(self) -> None:
        with suppress(OSError, ValueError):
            self._new.close()
        Path(self._draft).unlink(missing_ok=True)


def _opened(path: Path) -> zipfile.ZipFile | None:
    """The zip file of an earlier run. Raises Misconfigured for a file that is none: it may be somebody's."""
    _refuse_link(path)
    if not path.exists():
        return None
    try:
        if not path.is_file():
            raise zipfile.BadZipFile  # a pipe would be waited for
        found = zipfile.ZipFile(path)
        damaged = found.testzip()
    except (OSError, zipfile.BadZipFile):
        damaged = "it"
    if damaged:
        raise Misconfigured(f"{path} is no whole zip file.", "Remove it, or name another place with -o.")
    return found
