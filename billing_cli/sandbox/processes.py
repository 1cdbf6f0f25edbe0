"""Whether a process we once started is still that process, and ending it."""

import os
import signal
import time
from pathlib import Path

STOP_TIMEOUT_S = 10.0


def is_ours(pid: int, *marks: str) -> bool:
    """Whether `pid` runs with every one of `marks` among its arguments: a number may be reused."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and set(marks) <= set(process.cmdline())
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


def end(pid: int, *marks: str, with_signal: int = signal.SIGTERM) -> bool:
    """Ask a process to stop, then insist; says whether there was one. Never touches a stranger's."""
    if not is_ours(pid, *marks):
        return False
    os.kill(pid, with_signal)
    if not _gone(pid, marks):
        os.kill(pid, signal.SIGKILL)
        _gone(pid, marks)
    return True


def _gone(pid: int, marks: tuple[str, ...]) -> bool:
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if not is_ours(pid, *marks):
            return True
        time.sleep(0.02)
    return False


def exists(pid: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(pid))


def free_port(wanted: int | None) -> int:
    """`wanted` where it can be listened on, otherwise any free loopback port."""
    import socket

    for port in [wanted, 0] if wanted else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


def write_private(path: Path, text: str) -> None:
    """Readable by its owner only from the first byte on, and never half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
