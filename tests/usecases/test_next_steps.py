"""The command to type next is on one line, however narrow the terminal, and works with the same settings."""

import json
import shlex
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.app import run

from .conftest import Billing


@pytest.fixture
def env_file(billing: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "40")
    file = tmp_path / "of production.env"
    file.touch(mode=0o600)
    return str(file)


def next_steps(text: str) -> list[str]:
    return [line.removeprefix("Next: ") for line in text.splitlines() if line.startswith("Next: ")]


def test_what_an_interrupted_export_says_next_can_be_typed_as_it_is(
    env_file: str, export: Billing, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0.01)
    add_usage(sql, "co_1", "api_calls", 5)
    stripe.fault(kind="status", status=503, endpoint="/v1/billing/meter_events")
    period = ["--env-file", env_file, "export", "--period", "yesterday", "--confirm"]
    assert run(period) == 5
    (command,) = next_steps(capsys.readouterr().out)
    gate, program, *words = shlex.split(command)
    assert (gate, program, words[:2]) == ("LIVE=true", "billing", ["--env-file", env_file])
    assert run([*words[:2], "batches", "show", words[4]]) == 0
    assert next_steps(capsys.readouterr().out) == [command]
    stripe.heal()
    assert run(words) == 0
    assert next_steps(capsys.readouterr().out) == []
    assert [event["value"] for event in stripe.events()] == ["5"]


def test_sentences_of_errors_and_of_the_doctor_name_commands_with_the_same_settings(
    env_file: str, export: Billing, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--env-file", env_file, "batches", "show", "exp_none"]) == 2
    assert f"See: {shlex.join(['billing', '--env-file', env_file])} batches list" in capsys.readouterr().err
    # The test's billing.toml and .env are not complete; some step of these names a command.
    run(["--json", "--env-file", env_file, "doctor"])
    steps = [finding["next_step"] for finding in json.loads(capsys.readouterr().out)["findings"]]
    quoting = [step for step in steps if "billing batches" in step or "--env-file" in step]
    assert quoting and all("billing --env-file" in step for step in quoting)


def test_a_batch_that_was_shown_and_is_settled_does_not_point_to_itself(
    env_file: str, export: Billing, sql: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    batch = export().document["batches"][0]["batch_id"]
    verify = ["--env-file", env_file, "batches", "verify", batch]
    assert run(["--env-file", env_file, "batches", "show", batch]) == 0
    assert next_steps(capsys.readouterr().out) == [shlex.join(["billing", *verify])]
    assert run([*verify, "--confirm"]) == 0
    assert run(["--env-file", env_file, "batches", "show", batch]) == 0
    assert next_steps(capsys.readouterr().out) == []


def test_a_rollback_ends_with_the_export_that_sends_it_again(
    env_file: str, export: Billing, sql: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    batch = export().document["batches"][0]["batch_id"]
    assert run(["--env-file", env_file, "batches", "rollback", batch, "--confirm"]) == 0
    (command,) = next_steps(capsys.readouterr().out)
    assert run(shlex.split(command)[1:]) == 0
    assert "1 usage rows = 1 to send" in " ".join(capsys.readouterr().out.split())
