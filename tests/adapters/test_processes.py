"""Whether a run still lives: `False` only for a process of this boot of this machine that is certainly gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from billing_cli.adapters import processes
from billing_cli.adapters.processes import HostProcesses

PROCESSES = HostProcesses()


@pytest.fixture
def finished() -> str:
    code = "from billing_cli.adapters.processes import HostProcesses; print(HostProcesses().current())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_this_process_lives() -> None:
    assert PROCESSES.is_alive(PROCESSES.current()) is True


def test_a_finished_process_is_dead(finished: str) -> None:
    assert PROCESSES.is_alive(finished) is False


def test_a_recycled_pid_is_dead() -> None:
    name, _, _ = PROCESSES.current().rpartition("/")
    assert PROCESSES.is_alive(f"{name}/1.00") is False


@pytest.mark.parametrize("position", range(3), ids=["host", "boot", "namespace"])
def test_another_machine_boot_or_container_cannot_be_told(finished: str, position: int) -> None:
    parts = finished.split("/")
    parts[position] = "another"
    assert PROCESSES.is_alive("/".join(parts)) is None


@pytest.mark.parametrize("runner", ["nonsense", "host/4026531836/1/1.00", "", "////", "a/b/c/0x1/2"])
def test_names_of_other_kinds_cannot_be_told(runner: str) -> None:
    assert PROCESSES.is_alive(runner) is None


def test_without_a_boot_id_no_other_process_is_known_to_be_dead(finished: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_boot_id", lambda: "")
    host, _, namespace, pid, start = finished.split("/")
    assert PROCESSES.is_alive(f"{host}//{namespace}/{pid}/{start}") is None


def test_a_living_process_that_cannot_be_looked_at_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under hidepid: /proc hides processes of other accounts."""
    name = PROCESSES.current()
    monkeypatch.setattr(processes, "_started_at", lambda pid: "")
    assert PROCESSES.is_alive(name) is None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, _, start = name.rsplit("/", 2)
    assert PROCESSES.is_alive(f"{here}/{gone.pid}/{start}") is False


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="Linux has it")
def test_the_name_has_the_boot_of_this_machine() -> None:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert PROCESSES.current().split("/")[1:2] == [boot_id]
    assert PROCESSES.current().split("/")[3] == str(os.getpid())
