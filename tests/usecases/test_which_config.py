"""Which billing.toml holds: limits are the same wherever a command is typed, and every plan says whose they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.cli.app import run
from billing_cli.domain.errors import Misconfigured
from billing_cli.settings import Settings

from .conftest import DAY, Billing

REFUND = ["refund", "co_1", "pi_1", "--reason", "duplicate"]
CEILING = '[limits.refund]\nper_command = { usd = "50" }\n'


@pytest.fixture
def etc(tmp_path: Path, billing: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with .env and a ceiling in billing.toml; the command is typed elsewhere."""
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    etc, elsewhere = tmp_path / "etc", tmp_path / "elsewhere"
    etc.mkdir()
    elsewhere.mkdir()
    (etc / ".env").write_text("BILLING_ACTOR=ops\n")
    (etc / "billing.toml").write_text(CEILING)
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("BILLING_CONFIG", raising=False)
    return etc


def test_limits_hold_in_every_directory(etc: Path, billing: Billing, stripe: StripeDouble) -> None:
    answer = billing("--env-file", str(etc / ".env"), *REFUND, "--confirm")
    assert (answer.code, stripe.refunds()) == (4, [])
    assert "50.00 USD" in answer.stderr


def test_a_saved_plan_is_held_against_the_same_limits(
    etc: Path, billing: Billing, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = ["--env-file", str(etc / ".env")]
    assert billing(*env_file, *REFUND, "--plan-out", str(etc / "plan.json")).code == 0
    monkeypatch.chdir("/")
    assert billing(*env_file, "apply", str(etc / "plan.json"), "--confirm").code == 4
    assert stripe.refunds() == []


def test_every_plan_says_whose_limits_hold(
    etc: Path, billing: Billing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    env_file = ["--env-file", str(etc / ".env")]
    assert billing(*env_file, *REFUND).document["config"] == f"{etc}/billing.toml"
    assert billing(*REFUND).document["config"] is None
    run([*env_file, *REFUND])
    assert f"Config  {etc}/billing.toml\n" in capsys.readouterr().out
    run(REFUND)
    assert "Config  none: no limits, defaults\n" in capsys.readouterr().out


def test_doctor_names_it(etc: Path, billing: Billing) -> None:
    def said(*words: str) -> str:
        checks = billing(*words, "doctor", "--offline").document["findings"]
        return str(next(check["says"] for check in checks if check["check"] == "billing-toml"))

    assert said("--env-file", str(etc / ".env")) == f"{etc}/billing.toml is understood."
    assert said() == "There is no billing.toml: no limits, defaults."


def test_workers_take_the_same_one(
    etc: Path, db_url: str, sql: Connection, stripe: StripeDouble, billing: Billing
) -> None:
    """The meter exists under another name, which only this billing.toml knows."""
    (etc / "billing.toml").write_text('[meters.calls]\nevent_name = "api_calls"\n')
    for hour in range(4):
        add_usage(sql, "co_1", "calls", 1, hour)
    words = ["--env-file", str(etc / ".env"), "export", "--start", DAY, "--end", DAY, "--workers", "2", "--confirm"]
    done = subprocess.run(
        [sys.executable, "-m", "billing_cli", *words],
        env=wire_environment(db_url, stripe.url) | {"TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(stripe.events()), "Worker" in done.stderr) == (0, 4, False), done.stderr


def test_two_different_ones_are_refused(etc: Path, billing: Billing, stripe: StripeDouble) -> None:
    Path("billing.toml").write_text("")
    answer = billing("--env-file", str(etc / ".env"), *REFUND, "--confirm")
    assert (answer.code, stripe.refunds()) == (78, [])
    for part in (f"{etc}/billing.toml", f"{Path.cwd()}/billing.toml", "BILLING_CONFIG"):
        assert part in answer.stderr


def test_one_file_found_twice_is_one(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("billing.toml").symlink_to(etc / "billing.toml")
    assert Settings.load(etc / ".env").config.limits.refund.per_command == {"usd": "50"}


def test_billing_config_decides(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("billing.toml").write_text("")
    monkeypatch.setenv("BILLING_CONFIG", "billing.toml")
    assert Settings.load(etc / ".env").config_file == Path.cwd() / "billing.toml"


def test_a_path_in_a_file_counts_from_there(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (etc / ".env").write_text("BILLING_CONFIG=limits/other.toml\nBILLING_AUDIT_FILE=audit.jsonl\n")
    (etc / "limits").mkdir()
    (etc / "limits/other.toml").write_text('[limits]\nallowed_signers = "signers"\n')
    loaded = Settings.load(etc / ".env")
    assert loaded.config_file == etc / "limits/other.toml"
    # Else a restored backup would be noticed in one directory only.
    assert loaded.billing_audit_file == etc / "audit.jsonl"
    assert loaded.config.limits.allowed_signers == etc / "limits/signers"
    monkeypatch.setenv("BILLING_CONFIG", "")
    assert Settings.load(etc / ".env").config_file == etc / "billing.toml"


@pytest.mark.parametrize("kind", ["a directory", "a link to nothing", "no regular file"])
@pytest.mark.parametrize("named", [True, False])
def test_what_is_no_file_is_not_passed_over(
    kind: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "billing.toml"
    {"a directory": path.mkdir, "a link to nothing": lambda: path.symlink_to("gone")}.get(
        kind, lambda: os.mkfifo(path)
    )()
    monkeypatch.setenv("BILLING_CONFIG", str(path) if named else "")
    with pytest.raises(Misconfigured, match=rf"billing\.toml is {kind}\."):
        Settings.load()
