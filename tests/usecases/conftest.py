"""`billing` in this process against the test servers, with both gates open unless a test closes one."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies

from billing_cli.cli.app import run

PEOPLE = ("ana", "bob")
DAY = f"{YESTERDAY:%Y-%m-%d}"


@dataclass(frozen=True)
class Answer:
    """What a command did: its exit code, its JSON document (if it printed one), and its stderr."""

    code: int
    document: dict[str, Any]
    stderr: str


Billing = Callable[..., Answer]


@pytest.fixture
def billing(
    db_url: str,
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Billing:
    """Three companies with customers, and the meters api_calls and storage_gb (with keys of its own)."""
    meters: list[dict[str, Any]] = [
        {"event_name": "api_calls"},
        {"event_name": "storage_gb", "customer_key": "cust", "value_key": "gb"},
        {"event_name": "clicks", "formula": "count"},
    ]
    stripe.bulk(add_companies(sql, 3), meters)
    for name, value in wire_environment(db_url, stripe.url).items():
        monkeypatch.setenv(name, value)
    return asking(capsys)


def asking(capsys: pytest.CaptureFixture[str]) -> Billing:
    """`billing --json …`, in this process and its environment."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(["--json", *arguments])
        out, err = capsys.readouterr()
        return Answer(code, json.loads(out) if out else {}, err)

    return call


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An SSH key each, and one of a stranger."""
    place = tmp_path_factory.mktemp("keys")
    for name in (*PEOPLE, "eve"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(place / name)]
        subprocess.run(command, check=True)
    return {name: place / name for name in (*PEOPLE, "eve")}


def signers(keys: dict[str, Path], **names: str) -> str:
    """The file of allowed signers: whose key each name has."""
    return "".join(f"{name} {keys[key].with_suffix('.pub').read_text()}" for name, key in names.items())


@pytest.fixture
def export(billing: Billing) -> Billing:
    """Exports yesterday for real."""
    return lambda *options: billing("export", "--start", DAY, "--end", DAY, "--confirm", *options)


@pytest.fixture
def plan(billing: Billing) -> Billing:
    """Plans yesterday's export."""
    return lambda *options: billing("export", "--start", DAY, "--end", DAY, *options)
