"""BILLING_LOG=json: all that a command says on stderr is JSON lines, and so is its end; no secret is in it."""

import io
import json
import subprocess
from typing import Any

import pytest
from support.environment import KEY
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.log import JsonLines

from .conftest import TOO_LONG_S, Environment, Start

EXPORT = ["export", "--period", "yesterday", "--confirm"]


def ended(process: subprocess.Popen[str]) -> tuple[str, list[dict[str, Any]]]:
    """What it printed, and its log."""
    out, err = process.communicate(timeout=TOO_LONG_S)
    lines = [json.loads(line) for line in err.splitlines()]
    for line in lines:
        assert line["time"].endswith("Z")
        assert line["level"] in ("info", "warning", "error")
        assert line["message"]
    assert len({line["run_id"] for line in lines}) == 1
    assert lines[-1]["exit_code"] == process.returncode
    return out, lines


def test_an_export_is_told_in_lines_that_name_its_batch(start: Start, sql: Connection) -> None:
    out, lines = ended(start("--json", *EXPORT, BILLING_LOG="json"))
    assert [(line["level"], line["command"]) for line in lines] == [("info", "export")] * len(lines)
    batch = sql.execute("select batch_id from billing_export_batches").fetchone()
    assert batch
    assert {line["batch_id"] for line in lines} == {batch[0]}
    assert lines[-1]["exit_code"] == 0
    assert lines[-1]["seconds"] > 0
    assert len(out.splitlines()) == 1
    assert json.loads(out)["batches"][0]["batch_id"] == batch[0]


def test_a_refusal_is_one_line_with_its_next_step(start: Start) -> None:
    _, (said, end) = ended(start("--quiet", *EXPORT, BILLING_LOG="json", LIVE="false"))
    assert said["level"] == "error"
    assert "LIVE=true" in said["message"] + said["next_step"]
    assert end["exit_code"] == 4


def test_a_mistyped_command_and_an_unreadable_file_are_lines_too(start: Start) -> None:
    _, lines = ended(start("exprot", BILLING_LOG="json"))
    assert lines[-1]["exit_code"] == 2
    _, lines = ended(start("--env-file", "/nowhere/at/all", *EXPORT, BILLING_LOG="json"))
    assert lines[-1]["exit_code"] == 78


def test_to_be_run_again_is_a_warning(start: Start, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=503, endpoint="/v1/account")
    _, lines = ended(start(*EXPORT, BILLING_LOG="json"))
    assert (lines[-1]["level"], lines[-1]["exit_code"]) == ("warning", 75)


def test_workers_that_fail_are_a_sentence_and_not_lines_within_a_line(start: Start, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events")
    _, lines = ended(start(*EXPORT, "--workers", "2", BILLING_LOG="json"))
    assert not [line for line in lines if '{"time"' in line["message"]]
    assert lines[-1]["exit_code"] == 78


def test_no_secret_is_in_the_log(start: Start, environment: Environment, stripe: StripeDouble) -> None:
    for endpoint in ("/v1/account", "/v1/billing/meter_events"):
        stripe.fault(kind="status", status=401, endpoint=endpoint)
        process = start(*EXPORT, BILLING_LOG="json")
        out, lines = ended(process)
        assert lines[-1]["exit_code"] == 78
        for secret in (KEY, KEY[8:], environment["SUPABASE_DB_URL"]):
            assert secret not in out + json.dumps(lines)
        stripe.heal()


def test_another_format_is_refused(start: Start) -> None:
    process = start(*EXPORT, BILLING_LOG="xml")
    _, err = process.communicate(timeout=TOO_LONG_S)
    assert process.returncode == 78
    assert "BILLING_LOG" in err


@pytest.mark.parametrize("pieces", [["one\n", "two\n"], ["o", "ne\ntw", "o\n"], ["one\n\n  \ntwo\n"]])
def test_lines_are_lines_however_they_are_written(pieces: list[str]) -> None:
    written = io.StringIO()
    log = JsonLines(written)
    for piece in pieces:
        assert log.write(piece) == len(piece)
    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["one", "two"]
