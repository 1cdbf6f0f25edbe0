"""Names this process so that another run can tell whether it still lives."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil


class HostProcesses:
    """Runs are named `host/namespace/pid/start`; the start time tells a recycled pid apart."""

    def current(self) -> str:
        return f"{_here()}/{os.getpid()}/{_started_at(os.getpid())}"

    def is_alive(self, runner: str) -> bool | None:
        """None for a run of another machine or container, whose processes are out of sight."""
        here, pid, started_at = runner.rsplit("/", 2) if runner.count("/") >= 2 else (runner, "", "")
        if here != _here() or not pid.isdigit():
            return None
        return _started_at(int(pid)) == started_at


def _here() -> str:
    return f"{socket.gethostname()}/{_pid_namespace()}"


def _pid_namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return "host"


def _started_at(pid: int) -> str:
    """Empty for a process that is gone, or only waits to be collected by its parent.

    Linux counts from boot, in ticks; elsewhere psutil's clock time must do, which moves when the clock is set.
    """
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.NoSuchProcess:
        return ""
