"""The units, run as they are written; systemd-analyze looks at them too, where there is one."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble

from billing_cli.cli.app import EXIT_CODES, EXIT_PARTLY_DONE

from .conftest import EVENTS, EXAMPLES, TOO_LONG_S, Environment
from .machine import Machine

UNITS = ("billing-export.service", "billing-export.timer", "billing-alert@.service")
REPEATABLE = {EXIT_PARTLY_DONE, 75}


@pytest.fixture
def machine(tmp_path: Path, environment: Environment) -> Machine:
    return Machine.installed(tmp_path, environment)


def unit(name: str, text: str | None = None) -> dict[str, str]:
    """`Section.Key` and its value; every key stands once."""
    found: dict[str, str] = {}
    section = ""
    for line in (text or (EXAMPLES / name).read_text()).splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert f"{section}.{key}" not in found
            found[f"{section}.{key}"] = value
    return found


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    machine = Machine.installed(tmp_path, {})
    for name in UNITS:
        (tmp_path / name).write_text(machine.relocated((EXAMPLES / name).read_text()))
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "verify", "--man=no", *(f"./{name}" for name in UNITS[:2])]
        looked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TOO_LONG_S, check=False)
        assert looked.returncode == 0, looked.stderr
        assert str(tmp_path) not in looked.stderr, looked.stderr
    service, timer, alert = (unit(name) for name in UNITS)
    assert timer["Timer.OnCalendar"] == "*-*-* 01:17:00 UTC"
    assert timer["Timer.Persistent"] == "yes" or timer["Timer.Persistent"] == "true"
    assert service["Unit.OnFailure"] == "billing-alert@%n.service"
    assert alert["Service.Type"] == service["Service.Type"] == "oneshot"


def test_the_service_sends_a_day_with_what_its_unit_gives_it(machine: Machine, stripe: StripeDouble) -> None:
    service = unit("billing-export.service", machine.relocated((EXAMPLES / "billing-export.service").read_text()))
    variables = dict(word.split("=", 1) for word in shlex.split(service["Service.Environment"]))
    environment_file = Path(service["Service.EnvironmentFile"])
    assert "LIVE" not in environment_file.read_text()
    variables |= dict(line.split("=", 1) for line in environment_file.read_text().splitlines())
    done = subprocess.run(
        shlex.split(service["Service.ExecStart"]),
        env={"PATH": os.defpath, "HOME": str(machine.root), **variables},
        cwd=service["Service.WorkingDirectory"],
        capture_output=True,
        text=True,
        timeout=TOO_LONG_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(stripe.events()) == EVENTS


def test_what_is_repeated_is_what_repeating_mends() -> None:
    service = unit("billing-export.service")
    assert service["Service.Restart"] == "on-failure"
    final = {int(code) for code in service["Service.RestartPreventExitStatus"].split()}
    assert final == set(EXIT_CODES.values()) - REPEATABLE
    # Else a run that exits 3 would count as a success, and nobody would be called.
    assert "Service.SuccessExitStatus" not in service


def test_there_is_time_to_stop_in_order() -> None:
    service = unit("billing-export.service")
    assert service["Service.KillMode"] == "mixed"
    assert int(service["Service.TimeoutStopSec"]) > 30


def test_the_alert_unit_calls_the_pager_with_the_code_of_the_failed_unit(machine: Machine) -> None:
    text = machine.relocated((EXAMPLES / "billing-alert@.service").read_text())
    start = unit("billing-alert@.service", text)["Service.ExecStart"]
    # As systemd does it: the instance, and a doubled dollar is a dollar.
    command = start.replace("%i", "billing-export.service").replace("$$", "$")
    machine.shell(command, PATH=machine.path, MONITOR_EXIT_STATUS="3")
    machine.shell(command, PATH=machine.path)
    first, second = machine.paged.splitlines()
    assert first.startswith("billing-export.service exited 3: it ran, and a person has to look")
    assert second.startswith("billing-export.service exited unknown: ")
