"""A file system that takes no file at all, but for devices: for root too, who may write anywhere."""

import errno
import os
import sys

_WRITABLE = ("/dev/null", "/dev/tty", "/proc/self/")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"}


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITES)
        if writes and isinstance(path, (str, bytes, os.PathLike)):
            _refuse(path)
    elif event in _CHANGES and isinstance(arguments[0], (str, bytes, os.PathLike)):
        _refuse(arguments[0])


def _refuse(path: "str | bytes | os.PathLike[str]") -> None:
    if not os.path.realpath(os.fsdecode(path)).startswith(_WRITABLE):
        raise OSError(errno.EROFS, "Read-only file system", os.fsdecode(path))


if os.environ.get("READ_ONLY_ROOT"):
    sys.addaudithook(_guard)
