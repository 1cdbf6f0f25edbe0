"""Names this process so that another run can tell whether it still lives."""

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_ENDED = "ended"


class HostProcesses:
    """Runs are named `host/boot/namespace/pid/start`.

    The boot id tells machines apart that share a host name and the number of a namespace, and the boots of one
    machine; the start time tells a recycled pid apart.
    """

    def current(self) -> str:
        return f"{_here()}/{os.getpid()}/{_started_at(os.getpid())}"

    def is_alive(self, runner: str) -> bool | None:
        """None for a run of another machine, boot or container, whose processes are out of sight."""
        here, pid, started_at = runner.rsplit("/", 2) if runner.count("/") >= 2 else (runner, "", "")
        if here != _here() or not _boot_id() or not pid.isdigit() or not started_at:
            return None
        found = _started_at(int(pid))
        if found == started_at:
            return True
        # A process that cannot be looked at may be this one.
        return False if found or not _exists(int(pid)) else None


def _here() -> str:
    return f"{os.uname().nodename}/{_boot_id()}/{_pid_namespace()}"


@cache
def _boot_id() -> str:
    """Empty if the system has none; then no other process is ever known to be dead."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
            return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    return ""


def _pid_namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return "host"


def _started_at(pid: int) -> str:
    """Empty if it cannot be read; `ended` for a process that only waits to be collected by its parent.

    Linux counts from boot, in ticks; elsewhere psutil's clock time must do, which moves when the clock is set.
    """
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return _ENDED if fields[0] in ("Z", "X") else fields[19]
    try:
        process = psutil.Process(pid)
        return _ENDED if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.Error:
        return ""


def _exists(pid: int) -> bool:
    """Also for processes of other accounts, which /proc may hide."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OverflowError:
        return True
    except PermissionError:
        pass
    return True
