"""Whether a run still lives."""

import subprocess
import sys

from billing_cli.adapters.processes import HostProcesses

PROCESSES = HostProcesses()


def test_this_process_lives() -> None:
    assert PROCESSES.is_alive(PROCESSES.current()) is True


def test_a_finished_process_is_dead() -> None:
    code = "from billing_cli.adapters.processes import HostProcesses; print(HostProcesses().current())"
    runner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert PROCESSES.is_alive(runner) is False


def test_a_recycled_pid_is_dead() -> None:
    name, _, _ = PROCESSES.current().rpartition("/")
    assert PROCESSES.is_alive(f"{name}/1.00") is False


def test_another_machine_cannot_be_told() -> None:
    assert PROCESSES.is_alive("elsewhere/4026531836/1/1.00") is None
    assert PROCESSES.is_alive("nonsense") is None
