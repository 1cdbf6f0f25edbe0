"""Reconciliation from end to end: Stripe's lists and files beside real Postgres."""

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.environment import rest_environment
from support.everything import everything
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection

from billing_cli.cli.app import run
from billing_cli.domain.stripe_export import COLUMNS, ExportKind

from .conftest import Billing

NOON_S = int((YESTERDAY - timedelta(days=5, hours=-12)).timestamp())
WHEN = ["--start", f"{YESTERDAY - timedelta(days=9):%Y-%m-%d}", "--end", f"{YESTERDAY - timedelta(days=3):%Y-%m-%d}"]


def payment(number: int, amount: int = 10_000, **more: Any) -> dict[str, Any]:
    return {"id": f"pi_{number}", "customer": "cus_1", "amount": amount, "currency": "usd", "created": NOON_S} | more


def record(
    sql: Connection,
    number: int,
    amount: int = 10_000,
    refunded: int = 0,
    status: str = "succeeded",
    currency: str = "usd",
) -> None:
    sql.execute(
        "insert into billing_payments values (%s, 'co_1', %s, %s, %s, %s, to_timestamp(%s))",
        (f"pi_{number}", amount, refunded, currency, status, NOON_S + 2),
    )


def classes(document: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Items of each class and reason, over all currencies."""
    found = Counter[tuple[str, str]]()
    for total in document["totals"]:
        found[total["class"], total["reason"]] += total["items"]
    return dict(found)


@pytest.fixture
def ledger(billing: Billing, stripe: StripeDouble, sql: Connection) -> Billing:
    """Five payments that agree, and one of each common trouble; reads the week around them."""
    stripe.payments([payment(n) for n in range(5)])
    for number in range(5):
        record(sql, number)
    stripe.payments([payment(10), payment(11, captured=4_000), payment(12)])
    record(sql, 11)
    record(sql, 12, amount=9_990)
    record(sql, 13)
    record(sql, 14, status="failed")
    return lambda *words: billing("reconcile", "payments", *WHEN, *words)


def test_every_row_ends_in_one_class_and_differences_exit_3(ledger: Billing) -> None:
    answer = ledger()
    assert answer.code == 3
    assert classes(answer.document) == {
        ("matched", ""): 5,
        ("matched", "nothing_moved"): 1,
        ("only_stripe", "unknown_here"): 1,
        ("only_here", "unknown_at_stripe"): 1,
        ("amount_differs", "partial_capture"): 1,
        ("amount_differs", "captured"): 1,
    }
    assert answer.document["rows_read"] == {"stripe": 8, "here": 9}
    first = answer.document["findings"][0]
    assert first["here"] == {"amount_minor": 10_000, "currency": "usd"} or first["stripe"]["amount_minor"] == 10_000
    by_id = {finding["id"]: finding for finding in answer.document["findings"]}
    assert by_id["pi_12"]["stripe"] == {"amount_minor": 10_000, "currency": "usd"}
    assert by_id["pi_12"]["here"] == {"amount_minor": 9_990, "currency": "usd"}


@pytest.mark.parametrize("converted", [True, False])
@pytest.mark.parametrize("capture", ["reversal", "alone"])
def test_a_partial_capture_is_what_was_captured(
    converted: bool, capture: str, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    rate = {"sandbox_settles_in": "usd", "sandbox_exchange_rate": "1.085"} if converted else {}
    currency = "eur" if converted else "usd"
    shape = {
        "currency": currency,
        "amount": 10_000,
        "captured": 6_000,
        "metadata": {"sandbox_capture": capture, **rate},
    }
    stripe.payments([{**payment(1), **shape}])
    record(sql, 1, amount=6_000, currency=currency)
    answer = billing("reconcile", "payments", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 1})


def test_what_agrees_exits_0_and_writes_nothing(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    stripe.payments([payment(n) for n in range(3)])
    for number in range(3):
        record(sql, number)
    before = everything(sql)
    answer = billing("reconcile", "payments", *WHEN)
    assert (answer.code, classes(answer.document)) == (0, {("matched", ""): 3})
    assert everything(sql) == before
    assert {line["method"] for line in stripe.log() if not line["path"].startswith("/_")} == {"GET"}


def test_money_that_went_back_is_seen_until_today(billing: Billing, stripe: StripeDouble, sql: Connection) -> None:
    """The refund is of today, the payment of last week: Stripe's charge tells."""
    stripe.payments([payment(1), payment(2)])
    record(sql, 1)
    record(sql, 2)
    words = ["co_1", "pi_1", "--amount", "12.50", "--reason", "duplicate", "--confirm"]
    assert billing("refund", *words).code == 0
    assert classes(billing("reconcile", "payments", *WHEN).document) == {("matched", ""): 2}
    sql.execute("update billing_payments set refunded_minor = 0")
    answer = billing("reconcile", "payments", *WHEN)
    assert classes(answer.document)["amount_differs", "refund_missing_here"] == 1
    today = (
        ["--period", "month-to-date"] if YESTERDAY.day > 11 else ["--start", WHEN[1], "--end", f"{YESTERDAY:%Y-%m-%d}"]
    )
    assert billing("reconcile", "payments", *today).code == 3


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet", "html"])
def test_all_differences_can_be_written_to_a_file(ledger: Billing, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"differences.{suffix}"
    answer = ledger("--out", str(file), "--limit", "1")
    assert len(answer.document["findings"]) == 1
    if suffix == "json":
        ids = [finding["id"] for finding in json.loads(file.read_text())["findings"]]
    elif suffix == "html":
        ids = re.findall(r">(pi_\d+)</td>", file.read_text())
    else:
        ids = [row[0] for row in duckdb.execute(f"select key from '{file}'").fetchall()]
    assert sorted(ids) == ["pi_10", "pi_11", "pi_12", "pi_13"]


def test_a_spreadsheet_computes_nothing_from_it(billing: Billing, sql: Connection, tmp_path: Path) -> None:
    sql.execute(
        "insert into billing_payments values ('=1+1', '@co', 5, 0, 'usd', 'succeeded', to_timestamp(%s))", (NOON_S,)
    )
    billing("reconcile", "payments", *WHEN, "--out", str(tmp_path / "out.csv"))
    assert "'=1+1" in (tmp_path / "out.csv").read_text()
    assert "'@co" in (tmp_path / "out.csv").read_text()


def test_invoices_are_compared_by_total_paid_and_status(
    billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    shape = {"customer": "cus_1", "currency": "usd", "created": NOON_S}
    stripe.invoices(
        [
            {"id": f"in_{n}", "status": status, "lines": [{"amount": 5_000}], **shape}
            for n, status in enumerate(["paid", "open", "open", "draft", "open"])
        ]
    )
    rows = [(0, "paid", 5_000, 5_000), (1, "open", 4_000, 0), (2, "paid", 5_000, 5_000), (9, "open", 5_000, 0)]
    for number, status, total, paid in rows:
        sql.execute(
            "insert into billing_invoices values (%s, 'co_1', null, %s, 'usd', %s, %s, to_timestamp(%s))",
            (f"in_{number}", status, total, paid, NOON_S),
        )
    answer = billing("reconcile", "invoices", *WHEN)
    assert answer.code == 3
    assert classes(answer.document) == {
        ("matched", ""): 1,
        ("amount_differs", "total"): 1,
        ("status_differs", "status"): 1,
        ("only_stripe", "unknown_here"): 1,
        ("only_here", "unknown_at_stripe"): 1,
        ("in_flight", "draft"): 1,
    }


def test_stripes_side_may_be_a_file_of_the_dashboard(billing: Billing, sql: Connection, tmp_path: Path) -> None:
    day = f"{YESTERDAY - timedelta(days=5):%Y-%m-%d}"
    file = tmp_path / "payments.csv"
    head = (
        "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Converted Amount Refunded,"
        "Fee,Converted Currency,Status,Customer ID,PaymentIntent ID\n"
    )
    line = "{id},{day} {time},100.00,0.00,usd,true,100.00,0.00,3.20,usd,{status},cus_1,{pi}\n"
    file.write_text(
        head
        + line.format(
            id="ch_0", day=f"{YESTERDAY - timedelta(days=12):%Y-%m-%d}", time="00:00:00", status="Paid", pi="pi_old"
        )
        + line.format(id="ch_1", day=day, time="12:00:00", status="Paid", pi="pi_1")
        + line.format(id="ch_2", day=day, time="12:00:00", status="Paid", pi="pi_2")
        + line.format(id="ch_3", day=day, time="12:00:00", status="Failed", pi="pi_3")
        + line.format(id="ch_9", day=f"{YESTERDAY:%Y-%m-%d}", time="12:00:00", status="Paid", pi="pi_new")
    )
    record(sql, 1)
    record(sql, 3)
    answer = billing("reconcile", "payments", *WHEN, "--stripe-csv", str(file))
    assert classes(answer.document) == {
        ("matched", ""): 1,
        ("only_stripe", "unknown_here"): 1,
        ("only_here", "unknown_at_stripe"): 1,
    }
    assert billing("reconcile", "invoices", *WHEN, "--stripe-csv", str(file)).code == 2


def test_a_file_without_rows_is_no_agreement(billing: Billing, sql: Connection, tmp_path: Path) -> None:
    record(sql, 1)
    (tmp_path / "empty.csv").write_text(",".join(COLUMNS[ExportKind.ITEMIZED]) + "\n")
    answer = billing("reconcile", "payments", *WHEN, "--stripe-csv", str(tmp_path / "empty.csv"))
    assert (answer.code, "no rows" in answer.stderr) == (2, True)


def test_where_it_cannot_be_written_is_known_before_anything_is_read(
    ledger: Billing, stripe: StripeDouble, tmp_path: Path
) -> None:
    (tmp_path / "taken.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "file").write_text("")
    for place in ("taken.csv", "link.csv", "file/below.csv"):
        assert ledger("--out", str(tmp_path / place)).code == 78
    assert not [line for line in stripe.log() if not line["path"].startswith("/_")]


def test_what_agreement_means_is_said(
    billing: Billing, stripe: StripeDouble, sql: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> str:
        assert run(["reconcile", "payments", *WHEN]) == 0
        return capsys.readouterr().out

    assert "Nothing to compare" in told()
    stripe.payments([payment(1)])
    record(sql, 1)
    assert "Everything agrees" in told()
    record(sql, 2, status="pending")
    assert "Nothing differs, and 1 in flight" in told()


def test_more_rows_than_a_page_are_all_read(billing: Billing, sql: Connection) -> None:
    """A view has each three times, so that one of them lies across the border of two pages."""
    sql.execute("alter table billing_payments rename to payments_here")
    sql.execute("create view billing_payments as select p.* from payments_here p, generate_series(1, 3)")
    sql.execute(
        "insert into payments_here select 'pi_' || n, 'co_1', 100, 0, 'usd', 'succeeded', to_timestamp(%s) "
        "from generate_series(1, 7000) n",
        (NOON_S,),
    )
    answer = billing("reconcile", "payments", *WHEN)
    assert answer.document["rows_read"]["here"] == 21_000
    assert classes(answer.document) == {
        ("only_here", "unknown_at_stripe"): 7_000,
        ("duplicate", "same_id_again"): 14_000,
    }


def test_it_is_the_same_over_rest(
    ledger: Billing,
    rest: PostgrestDouble,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wire = ledger().document
    monkeypatch.delenv("SUPABASE_DB_URL")
    for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
        monkeypatch.setenv(name, value)
    assert run(["--json", "reconcile", "payments", *WHEN]) == 3
    assert json.loads(capsys.readouterr().out) == wire


@pytest.mark.parametrize(
    "words",
    [["--period", "last-month", "--start", "2026-10-01"], [], ["--start", "2026-10-01"], [*WHEN, "--out", "x.pdf"]],
)
def test_what_cannot_be_asked_for_is_refused(billing: Billing, words: list[str]) -> None:
    assert billing("reconcile", "payments", *words).code == 2


def test_a_failure_in_the_middle_is_no_agreement(ledger: Billing, stripe: StripeDouble) -> None:
    stripe.fault(kind="status", status=500, endpoint="/v1/balance_transactions")
    answer = ledger()
    assert (answer.code, answer.document["schema"]) == (75, "billing.error/v1")
