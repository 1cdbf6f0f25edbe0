"""BILLING_LOG=json: all that a command says on stderr is JSON lines, and so is its end; no secret is in it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.environment import KEY
from support.processes import Start
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.app import run
from billing_cli.cli.log import JsonLines

from .conftest import TOO_LONG_S, Environment

EXPORT = ["export", "--period", "yesterday", "--confirm"]
Log = list[dict[str, Any]]
Logged = Callable[..., tuple[str, Log]]


@pytest.fixture
def told(environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Logged:
    """Runs a command in this process; what it printed, and its log."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BILLING_LOG", "json")

    def call(*arguments: str) -> tuple[str, Log]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return out, read(err, code)

    return call


def read(stderr: str, code: int) -> Log:
    lines: Log = [json.loads(line) for line in stderr.splitlines()]
    for line in lines:
        assert line["time"].endswith("Z")
        assert line["level"] in ("info", "warning", "error")
        assert line["message"]
    assert len({line["run_id"] for line in lines}) == 1
    assert [line["exit_code"] for line in lines if "exit_code" in line] == [lines[-1]["exit_code"]] == [code]
    return lines


def test_an_export_is_told_in_lines_that_name_its_batch(start: Start, sql: Connection) -> None:
    process = start("--json", *EXPORT, BILLING_LOG="json")
    out, err = process.communicate(timeout=TOO_LONG_S)
    lines = read(err, process.returncode)
    assert {line["command"] for line in lines} == {"export"}
    assert {line.get("code") for line in lines if line["level"] == "warning"} == {"bills_nobody"}
    assert {line["level"] for line in lines} == {"info", "warning"}
    batch = sql.execute("select batch_id from billing_export_batches").fetchone()
    assert batch
    assert {line["batch_id"] for line in lines if line["level"] != "warning"} == {batch[0]}
    assert lines[-1]["exit_code"] == 0
    assert lines[-1]["seconds"] > 0
    assert len(out.splitlines()) == 1
    assert json.loads(out)["batches"][0]["batch_id"] == batch[0]


def test_a_refusal_is_one_line_with_its_next_step(told: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVE")
    _, lines = told("--quiet", *EXPORT)
    said, end = (line for line in lines if line["level"] != "warning")
    assert said["level"] == "error"
    assert "LIVE=true" in said["message"] + said["next_step"]
    assert end["exit_code"] == 4


def test_a_mistyped_command_and_an_unreadable_file_are_lines_too(told: Logged) -> None:
    _, lines = told("exprot")
    assert lines[-1]["exit_code"] == 2
    _, lines = told("--env-file", "/nowhere/at/all", *EXPORT)
    assert lines[-1]["exit_code"] == 78


def test_to_be_run_again_is_a_warning(told: Logged, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=503, endpoint="/v1/account")
    _, lines = told(*EXPORT)
    assert (lines[-1]["level"], lines[-1]["exit_code"]) == ("warning", 75)


def test_workers_that_fail_are_a_sentence_and_not_lines_within_a_line(told: Logged, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events")
    _, lines = told(*EXPORT, "--workers", "2")
    assert not [line for line in lines if '{"time"' in line["message"]]
    assert lines[-1]["exit_code"] == 78


@pytest.mark.parametrize("endpoint", ["/v1/account", "/v1/billing/meter_events"])
def test_no_secret_is_in_the_log(endpoint: str, told: Logged, environment: Environment, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=401, endpoint=endpoint)
    out, lines = told(*EXPORT)
    assert lines[-1]["exit_code"] == 78
    for secret in (KEY, KEY[8:], environment["SUPABASE_DB_URL"]):
        assert secret not in out + json.dumps(lines)


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BILLING_LOG", "xml")
    assert run(EXPORT) == 78
    assert "BILLING_LOG" in capsys.readouterr().err


@pytest.mark.parametrize("pieces", [["one\n", "two\n"], ["o", "ne\ntw", "o\n"], ["one\n\n  \ntwo\n"]])
def test_lines_are_lines_however_they_are_written(pieces: list[str]) -> None:
    written = io.StringIO()
    log = JsonLines(written)
    for piece in pieces:
        assert log.write(piece) == len(piece)
    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["one", "two"]
