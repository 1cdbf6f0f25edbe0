"""`billing journal` from Stripe's list to the file."""

import csv
import io
import os
import re
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from support.environment import KEY
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY

from billing_cli.cli.app import run
from billing_cli.sandbox.stripe_control import ask

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
        "amount": {"amount_minor": 29_040, "currency": "usd"},
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


def test_a_pipe_is_refused_and_not_replaced(books: Billing, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    answer = books("-o", str(tmp_path / "pipe"))
    assert (answer.code, (tmp_path / "pipe").is_fifo()) == (78, True)
    assert "is no regular file" in answer.stderr


@pytest.mark.parametrize(
    "words", [["--month", "2026-13"], ["--month", "2199-01"], [], ["--month", "2026-01", "--end", "2026-01-03"]]
)
def test_what_is_no_period_is_refused(billing: Billing, words: list[str]) -> None:
    assert billing("journal", *words).code == 2


@pytest.mark.parametrize("by", ["category", "transaction"])
def test_the_bank_got_the_payouts_and_clearing_is_what_stripe_still_holds(
    billing: Billing, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Payments, a refund that came back, a lost and a won dispute, a conversion; paid out, and one payout came back."""
    names = ["clearing", "bank", "fees", "charge", "refund", "dispute"]
    (tmp_path / "billing.toml").write_text("[gl]\n" + "".join(f'{name} = "{name}"\n' for name in names))
    monkeypatch.setenv("BILLING_CONFIG", str(tmp_path / "billing.toml"))
    start_s = int((YESTERDAY - timedelta(days=6)).timestamp())
    shape = {"customer": "cus_1", "amount": 10_001, "currency": "usd", "created": start_s}
    converted = {"currency": "eur", "metadata": {"sandbox_settles_in": "usd", "sandbox_exchange_rate": "1.085"}}
    stripe.payments([{"id": f"pi_{number}", **shape, **(converted if number == 2 else {})} for number in range(6)])
    stripe.clock(start_s + 60 - int(time.time()))
    client = sdk.StripeClient(KEY, base_addresses={"api": stripe.url})
    refund = client.v1.refunds.create({"payment_intent": "pi_1", "amount": 1_234})
    client.v1.refunds.create({"payment_intent": "pi_2", "amount": 2_000})
    stripe.refund_status(refund.id, "failed")
    for payment_id, outcome in (("pi_3", "lost"), ("pi_4", "won")):
        stripe.dispute(payment_id, "needs_response")
        stripe.dispute(payment_id, outcome)
    paid: list[dict[str, Any]] = []
    for days, fails in ((3, True), (6, False)):
        found = ask(stripe.url, "POST", "payouts", {"created": start_s + days * 86_400})["payouts"]
        stripe.clock(start_s + days * 86_400 + 60 - int(time.time()))
        if fails:
            ask(stripe.url, "POST", "payout_failure", {"id": found[0]["id"]})
        else:
            paid += found
    stripe.clock(0)
    held = client.v1.balance.retrieve()
    answer = billing("journal", *DAYS, "--by", by)
    assert answer.code == 0
    sums = Counter[tuple[str, str]]()
    for entry in answer.document["entries"]:
        for posting in entry["postings"]:
            sums[posting["account_code"], posting["amount"]["currency"]] += posting["amount"]["amount_minor"]
    assert sums["bank", "usd"] == sum(each["amount"] for each in paid) > 0
    assert sums["clearing", "usd"] == sum(one.amount for one in held.available) + sum(
        one.amount for one in held.pending
    )
    proofs = billing("reconcile", "payouts", *DAYS)
    assert (proofs.code, len(proofs.document["payouts"])) == (0, 2)


@pytest.mark.parametrize("name", ["totals", "total_named", "mixed", "two_ways", "us_dates"])
def test_what_a_spreadsheet_left_in_a_file_is_refused_with_its_line(
    books: Billing, billing: Billing, name: str
) -> None:
    """By the journal and the comparison alike."""
    words = ["--stripe-csv", str(Path(__file__).parents[1] / "data" / "stripe_csv" / f"{name}.csv")]
    for answer in (books(*words), billing("reconcile", "payments", *DAYS, *words)):
        assert answer.code == 2
        assert re.search(r"csv, line [23]\b", answer.document["message"])
        assert "xport" in answer.document["next_step"]
