"""What is known to be secret is taken out; all else stays as it was, and a document stays a document."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.cli.app import run
from billing_cli.cli.secrecy import Secrecy
from billing_cli.settings import Settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://postgres:postgres@127.0.0.1:54322/postgres", None),
        ("postgresql://keeper:keeper@db/ledger", None),
        ("postgresql://keeper:ledger@db/ledger", None),
        ("postgresql://keeper:the-host@the-host:5432/ledger", None),
        ("postgresql://the-host/ledger?user=keeper&password=keeper", None),
        ("postgresql://keeper:ledgers@db/ledger", "ledgers"),
        ("postgresql://the-host/ledger?user=keeper&password=other1", "other1"),
    ],
)
def test_a_password_that_is_a_name_in_its_address_hides_nothing(
    url: str, password: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    assert set(Settings.load().secrets()) == {url, password} - {None}


def test_a_local_supabase_takes_no_word_out_of_arguments_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUPABASE_URL", raising=False)
    Path("postgres.env").write_text("SUPABASE_DB_URL=postgresql://postgres:postgres@127.0.0.1:1/postgres\n")
    assert run(["--env-file", "postgres.env", "batches", "show", "postgres"]) == 75
    assert "[secret]" not in capsys.readouterr().err


@pytest.mark.parametrize("password", ["123456", "amount_minor", 'pass"word', "passwd\\", "billing", "export/v1"])
def test_a_document_keeps_its_keys_and_numbers_whatever_the_password_is(
    password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrecy = Secrecy([], {})
    secrecy.learn([password])
    document = {"schema": "billing.export/v1", "money": [{"amount_minor": 1234567}], "said": f'<{password}">', "": None}
    with secrecy.over_streams():
        print(json.dumps(document))
    assert json.loads(capsys.readouterr().out) == {**document, "said": '<[secret]">'}


@given(JSON, st.text(min_size=6))
def test_masking_changes_no_more_of_a_document_than_its_strings(value: object, password: str) -> None:
    secrecy = Secrecy([], {})
    secrecy.learn([password])
    text = json.dumps({"data": value, "said": password})
    cleaned = json.loads(secrecy.clean(text + "\n"))
    assert cleaned["said"] == "[secret]"
    assert _shape(cleaned["data"]) == _shape(value)


def test_a_line_of_the_log_stays_a_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BILLING_LOG", "json")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "exit_code")
    monkeypatch.setattr("billing_cli.cli.app._run", lambda *_: print("exit_code", end="", file=sys.stderr) or 3)
    assert run([]) == 3
    said, end = map(json.loads, capsys.readouterr().err.splitlines())
    assert said["message"] == "[secret]"
    assert end["exit_code"] == 3


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return str if isinstance(value, str) else value
