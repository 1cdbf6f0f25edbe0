"""The crontab and its two scripts, run as they are written."""

import json
import re
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.processes import Start
from support.stripe_control import StripeDouble

from billing_cli.cli.app import EXIT_CODES

from .conftest import EVENTS, EXAMPLES, ROOT, TOO_LONG_S, Environment, until
from .machine import Machine

_VARIABLE = re.compile(r"([A-Z_]+)=(.*)")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
ENTRIES = 3


@pytest.fixture
def machine(tmp_path: Path, environment: Environment) -> Machine:
    return Machine.installed(tmp_path, environment)


def crontab() -> tuple[dict[str, str], list[tuple[list[str], str, str]]]:
    """Its variables, and its entries: five fields of time, the user, the command."""
    variables, entries = {}, []
    for line in (EXAMPLES / "billing.cron").read_text().splitlines():
        if match := _VARIABLE.fullmatch(line):
            variables[match[1]] = match[2]
        elif line and not line.startswith("#"):
            *times, user, command = line.split(None, 6)
            entries.append((times, user, command))
    return variables, entries


def test_every_entry_is_one_that_cron_takes() -> None:
    _, entries = crontab()
    assert len(entries) == ENTRIES
    for times, user, command in entries:
        for field, (least, most) in zip(times, _RANGES, strict=True):
            assert field == "*" or all(least <= int(number) <= most for number in field.split("-"))
        assert user == "billing"
        assert "%" not in command, "cron makes a new line of it"
        # An export has both gates, and nothing else has.
        assert ("LIVE=true" in command) == ("--confirm" in command) == (" export " in command)


def test_the_night_sends_everything_once_and_its_log_is_json_lines(machine: Machine, stripe: StripeDouble) -> None:
    variables, entries = crontab()
    variables["PATH"] = machine.path
    exports = [command for _, _, command in entries if " export " in command]
    for command in exports:
        done = machine.shell(machine.relocated(command), **variables)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len({event["identifier"] for event in stripe.events()}) == EVENTS == len(stripe.events())
    log = (machine.root / "var/log/billing/export.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in log]
    assert [line["exit_code"] for line in lines if "exit_code" in line] == [0] * len(exports)
    assert [line["schema"] for line in lines if "schema" in line] == ["billing.export/v1"] * len(exports)
    assert machine.paged == ""


def test_the_checks_of_the_morning_run_and_a_finding_calls_a_person(machine: Machine) -> None:
    variables, entries = crontab()
    variables["PATH"] = machine.path
    for _, _, command in entries:
        if " export " not in command:
            done = machine.shell(machine.relocated(command), **variables)
            # The doctor misses prices and webhooks here; payments agree, because there are none.
            assert done.returncode == (3 if "doctor" in command else 0), command
    assert machine.paged.startswith("billing --json doctor exited 3: ")
    log = (machine.root / "var/log/billing/checks.jsonl").read_text().splitlines()
    assert {json.loads(line).get("schema") for line in log} >= {"billing.doctor/v1", "billing.reconciliation/v1"}


def test_a_run_beside_another_one_tries_again_and_then_calls_a_person(
    machine: Machine, start: Start, stripe: StripeDouble
) -> None:
    stripe.fault(kind="delay", delay_s=1, endpoint="/v1/billing/meter_events")
    running = start("export", "--period", "yesterday", "--confirm")
    until(lambda: stripe.hits() > 0)
    command = "cd etc/billing && LIVE=true billing-run export --period yesterday --confirm"
    done = machine.shell(command, PATH=machine.path, BILLING_TRIES="2", BILLING_PAUSE_S="0", BILLING_LOG="json")
    assert done.returncode == 75
    ends = [json.loads(line) for line in done.stderr.splitlines() if "exit_code" in line]
    assert [end["exit_code"] for end in ends] == [75, 75]
    assert machine.paged.count("exited 75") == 1
    stripe.heal()
    running.communicate(timeout=TOO_LONG_S)


@pytest.mark.parametrize(
    ("codes", "tries", "alerts"),
    [
        ([0], 1, 0),
        ([5, 75, 0], 3, 0),
        ([75, 75, 75, 75, 75, 0], 5, 1),
        *(([code, 0], 1, 1) for code in (1, 2, 3, 4, 78, 137)),
    ],
)
def test_only_what_repeating_mends_is_repeated(tmp_path: Path, codes: list[int], tries: int, alerts: int) -> None:
    machine = Machine.installed(tmp_path, {})
    listed = tmp_path / "codes"
    listed.write_text("".join(f"{code}\n" for code in codes))
    pretender = '#!/bin/sh\necho >> "$HOME/tried"\nexit "$(sed -n "$(wc -l < "$HOME/tried")p" "$HOME/codes")"\n'
    (tmp_path / "opt/billing/bin/billing").write_text(pretender)
    alive = f"touch {tmp_path}/alive"
    done = machine.shell("billing-run export", PATH=machine.path, BILLING_PAUSE_S="0", BILLING_ALIVE=alive)
    assert done.returncode == codes[tries - 1]
    assert len((tmp_path / "tried").read_text().splitlines()) == tries
    assert machine.paged.count("\n") == alerts
    assert (tmp_path / "alive").exists() == (done.returncode == 0)


def test_the_alert_has_a_sentence_of_its_own_for_every_documented_code(tmp_path: Path) -> None:
    machine = Machine.installed(tmp_path, {})
    for code in (*sorted(set(EXIT_CODES.values()) | {5}), 137):
        machine.shell(f"billing-alert {code} 'billing export'", PATH=machine.path)
    said = machine.paged.splitlines()
    assert len({line.split(": ", 1)[1] for line in said}) == len(said) == len(set(EXIT_CODES.values())) + 2
    assert "RUNBOOK.md" in said[0]
    assert (ROOT / "RUNBOOK.md").exists()


def test_a_signal_ends_the_pause_and_nothing_is_tried_again(tmp_path: Path) -> None:
    machine = Machine.installed(tmp_path, {})
    (tmp_path / "opt/billing/bin/billing").write_text('#!/bin/sh\necho >> "$HOME/tried"\nexit 75\n')
    running = machine.started("exec billing-run export", PATH=machine.path, BILLING_PAUSE_S="1000")
    pausing = psutil.Process(running.pid)

    def pauses() -> bool:
        # A child may end between being listed and being looked at.
        with suppress(psutil.NoSuchProcess):
            return any(child.name() == "sleep" for child in pausing.children())
        return False

    until(pauses)
    running.terminate()
    assert running.wait(timeout=TOO_LONG_S) == 75
    assert (tmp_path / "tried").read_text() == "\n"
    assert machine.paged.startswith("billing export exited 75: ")
