"""`billing journal` from Stripe's list to the file."""

import csv
import io
import os
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY

from billing_cli.cli.app import run

from .conftest import Billing

DAYS = ["--start", f"{YESTERDAY - timedelta(days=6):%Y-%m-%d}", "--end", f"{YESTERDAY:%Y-%m-%d}"]
CHART = """
[gl]
clearing = "1050"
fees = "6100"
charge = "4000"
refund = "4010"

[gl.names]
"1050" = "Assets:Stripe"
"""


@pytest.fixture
def books(billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Billing:
    """Three charges of 100.00 USD in the days before today, and a chart of accounts."""
    (tmp_path / "billing.toml").write_text(CHART)
    monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))
    noon_s = int((YESTERDAY - timedelta(days=2, hours=-12)).timestamp())
    shape = {"customer": "cus_1", "amount": 10_000, "currency": "usd", "created": noon_s}
    stripe.payments([{"id": f"pi_{number}", **shape} for number in range(3)])
    return lambda *words: billing("journal", *DAYS, *words)


def test_a_period_becomes_one_balanced_entry(books: Billing, tmp_path: Path) -> None:
    answer = books("-o", str(tmp_path / "books.csv"))
    assert answer.code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "books.csv").read_text())))
    amounts = {row["account_code"]: Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0) for row in rows}
    assert amounts == {"1050": Decimal("290.40"), "4000": -300, "6100": Decimal("9.60")}
    (entry,) = answer.document["entries"]
    assert entry["facts"] == {"transactions": "3"}
    assert entry["postings"][0] == {
        "account_code": "1050",
        "account_name": "Assets:Stripe",
        "memo": "clearing",
        "amount_minor": 29_040,
        "currency": "usd",
    }


def test_without_a_file_it_goes_to_stdout(books: Billing, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", *DAYS, "--format", "netsuite", "--by", "transaction"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 9
    assert len({row["External ID"] for row in rows}) == 3


def test_an_unmapped_category_is_a_matter_of_configuration(
    books: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billing.toml").write_text(CHART.replace('charge = "4000"\n', ""))
    answer = books()
    assert answer.code == 78
    assert "'charge'" in answer.stderr
    (tmp_path / "billing.toml").write_text('[gl]\nfees = "6100"\n')
    assert "'clearing', 'charge'" in books().stderr
    (tmp_path / "billing.toml").write_text(CHART.replace('"4000"', "4000"))
    assert books().code == 78


def test_a_period_in_which_nothing_moved_is_said_to_be_empty(
    books: Billing, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["journal", *DAYS, "--currency", "chf"]) == 0
    assert "No entries" in capsys.readouterr().err


def test_a_device_is_written_to_and_not_replaced(books: Billing, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        code = books("-o", str(tmp_path / "pipe")).code
        if not (tmp_path / "pipe").is_fifo():
            reader.kill()
        assert (code, reader.communicate()[0][:14]) == (0, b"date,entry_id,")


@pytest.mark.parametrize(
    "words", [["--month", "2026-13"], ["--month", "2199-01"], [], ["--month", "2026-01", "--end", "2026-01-03"]]
)
def test_what_is_no_period_is_refused(billing: Billing, words: list[str]) -> None:
    assert billing("journal", *words).code == 2
