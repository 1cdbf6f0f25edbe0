"""Where rows are kept while they are compared: customers' payments, so for this user's eyes only."""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "billing-workbench-"
# One that is so young may not be locked yet.
_YOUNG_S = 60


class PrivateDirectory:
    """A directory in TMPDIR that is gone when this is closed; what a killed run left there goes with the next."""

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        # mkdtemp makes it 0700.
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = _locked(self.path)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _sweep(root: Path) -> None:
    """A run holds a lock on its directory, and the kernel lets it go with the process."""
    for path in root.glob(f"{_PREFIX}*"):
        try:
            found = path.lstat()
            mine = found.st_uid == os.getuid() and path.is_dir() and not path.is_symlink()
            if mine and time.time() - found.st_mtime > _YOUNG_S and (lock := _locked(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
        except OSError:
            continue


def _locked(path: Path) -> int | None:
    """The open directory, locked; None where another run has it, or the file system has no locks."""
    opened = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened
