"""With --json, stdout is one document always; where a command fails before it has one, the document says so."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from billing_cli.cli.app import run
from billing_cli.domain.errors import Unavailable
from billing_cli.settings import Settings

Told = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> Told:
    """The exit code, the document, and stderr, of a command where nothing is configured."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def call(*words: str) -> tuple[int, dict[str, Any], str]:
        code = run(["--json", *words])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    return call


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("audit", "list"), 78),
        (("export", "--start", "2026-01-01"), 2),
        ((), 2),
        (("--nonsense",), 2),
        (("exprot",), 2),
        (("batches",), 2),
        (("batches", "lst"), 2),
        (("--env-file", "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "export"), 2),
        (("export", "--nonsense"), 2),
        (("batches", "show"), 2),
        (("verify-webhook", "nowhere.json"), 2),
        (("refund", "co_1", "pi_1", "--amount", "1.001", "--reason", "duplicate"), 78),
    ],
)
def test_a_failure_is_the_document_and_says_what_stderr_says(words: tuple[str, ...], code: int, told: Told) -> None:
    found, document, err = told(*words)
    assert (found, document["schema"], document["exit_code"]) == (code, "billing.error/v1", code)
    assert document["message"] in err
    assert document["next_step"] in err


@pytest.mark.parametrize(
    ("raised", "code"), [(RuntimeError("secret"), 1), (KeyboardInterrupt(), 5), (Unavailable("Away.", "Wait."), 75)]
)
def test_whatever_ends_a_command_is_told(
    raised: BaseException, code: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(Settings, "with_config", fail)
    found, document, _ = told("audit", "list")
    assert (found, document["exit_code"]) == (code, code)
    assert "secret" not in json.dumps(document)


def test_a_log_of_another_format_is_refused_in_a_document(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_LOG", "xml")
    code, document, err = told("audit", "list")
    assert (code, document["message"]) == (78, "BILLING_LOG is neither json nor text.")
    assert document["message"] in err


def test_without_json_stdout_stays_empty(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "list"]) == 78
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("reader", ["/dev/full", "a pipe that nobody reads"])
def test_a_stdout_that_takes_nothing_changes_no_exit_code(reader: str) -> None:
    if reader == "/dev/full":
        stdout = os.open(reader, os.O_WRONLY)
    else:
        unread, stdout = os.pipe()
        os.close(unread)
    words = [sys.executable, "-m", "billing_cli", "--json", "export", "--nonsense"]
    done = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, text=True)
    os.close(stdout)
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", [["--version"], ["--json", "webhooks", "sign", "/dev/null"], ["doctor", "--help"]])
def test_a_result_that_cannot_be_written_is_said_without_a_traceback(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "billing_cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_1"},
        )
    assert done.returncode == 78
    assert "billing: stdout cannot be written: No space left on device.\n         Make room" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr
