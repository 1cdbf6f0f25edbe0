"""Random ledgers with planted differences: each is found under its name, and nothing else is."""

import csv
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing_cli.adapters.matching.engine import DuckWorkbench
from billing_cli.adapters.matching.spool import Spool
from billing_cli.domain.errors import BadInput, Fault, Misconfigured
from billing_cli.domain.reconciliation import Coverage, Report, Rules, Subject, Verdict, Window
from billing_cli.domain.spreadsheet import neutral
from billing_cli.domain.stripe_export import COLUMNS, ExportKind
from billing_cli.settings import ReconcileConfig

NOW = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=2), NOW)
WORDS = ReconcileConfig().payments
RULES = Rules({"usd": 1}, WORDS.settled, WORDS.pending, WORDS.void)
DAY_S = 86400
FEE = 59
START_S = int(WINDOW.start.timestamp())


@dataclass
class Ledger:
    """Both sides, and what planting says must be found: {payment: (class, reason)}."""

    transactions: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, tuple[str, str]] = field(default_factory=dict)
    outside: int = 0

    def transaction(self, payment: str, category: str, amount: int, at_s: int, **more: Any) -> None:
        fee = FEE if category == "charge" else 0
        row = {
            "transaction_id": f"txn_{len(self.transactions)}",
            "category": category,
            "amount_minor": amount,
            "fee_minor": fee,
            "net_minor": amount - fee,
            "currency": "usd",
            "created_s": at_s,
            "available_s": at_s,
            "source_id": f"src_{payment}",
            "payment_id": payment,
        }
        self.transactions.append(row | more)

    def payment(self, payment_intent_id: str | None, **more: Any) -> None:
        row = {
            "payment_intent_id": payment_intent_id,
            "company_id": "co_1",
            "amount_minor": 1000,
            "refunded_minor": 0,
            "currency": "usd",
            "status": "succeeded",
            "created_s": START_S + DAY_S * 9,
            "asked_for": False,
        }
        self.payments.append(row | more)


Plan = tuple[Callable[[int], list[tuple[Any, ...]]], Callable[[int], dict[str, Any] | None], str]
LONG_AGO = {"created_s": START_S - 90 * DAY_S, "asked_for": True}
EURO = {"shown_currency": "eur"}


def here(**more: Any) -> Callable[[int], dict[str, Any]]:
    """The row here with the amount that was charged, unless told otherwise."""
    return lambda a: {"amount_minor": a} | more


def charged(a: int) -> list[tuple[Any, ...]]:
    return [("charge", a)]


def nothing(_: int) -> list[tuple[Any, ...]]:
    return []


# What is at Stripe and what is here for a payment of `a` minor units, and what must be found.
KINDS: dict[str, Plan] = {
    "plain": (charged, here(), "matched:"),
    "refunded": (lambda a: [("charge", a), ("refund", -500)], here(refunded_minor=500), "matched:"),
    # After what was read; but Stripe's charge tells the sum of today.
    "refunded later": (lambda a: [("charge", a, {"refunded_minor": 700})], here(refunded_minor=700), "matched:"),
    "captured in parts": (lambda a: [("charge", a - 300), ("charge", 300)], here(), "matched:"),
    "whole, and partly taken back": (
        lambda a: [("charge", a + 400), ("partial_capture_reversal", -400)],
        here(),
        "matched:",
    ),
    "converted, partly captured": (
        lambda a: [
            ("charge", 2 * a + 800, {"shown_minor": a, "captured_minor": a, **EURO}),
            ("partial_capture_reversal", -800, {"shown_minor": 0, "captured_minor": a, **EURO}),
        ],
        here(currency="eur"),
        "matched:",
    ),
    "converted, captured in parts": (
        lambda a: [("charge", a, {"shown_minor": a, "captured_minor": a, **EURO}) for _ in range(2)],
        here(currency="eur"),
        "matched:",
    ),
    "a cent off": (charged, lambda a: {"amount_minor": a + 1}, "matched:within_tolerance"),
    "disputed": (lambda a: [("charge", a), ("dispute", -a)], here(), "matched:disputed"),
    "won": (lambda a: [("charge", a), ("dispute", -a), ("dispute_reversal", a)], here(), "matched:"),
    "failed here": (nothing, here(status="failed"), "matched:nothing_moved"),
    "earlier": (lambda a: [("refund", -200)], here(refunded_minor=200, **LONG_AGO), "matched:earlier_payment"),
    "earlier, missing": (lambda a: [("refund", -200)], here(**LONG_AGO), "amount_differs:refund_missing_here"),
    "earlier, unknown": (lambda a: [("refund", -200)], lambda a: None, "only_stripe:refund_of_unknown_payment"),
    "converted": (lambda a: [("charge", a * 2, {"shown_minor": a, **EURO})], here(currency="EUR"), "matched:"),
    "settled amount": (
        lambda a: [("charge", a * 2, {"shown_minor": a, **EURO})],
        lambda a: {"amount_minor": a * 2},
        "currency_differs:settlement_currency",
    ),
    "currency": (charged, here(currency="gbp"), "currency_differs:currency"),
    "captured": (charged, lambda a: {"amount_minor": a - 17}, "amount_differs:captured"),
    "partial": (lambda a: [("charge", a - 400, {"authorized_minor": a})], here(), "amount_differs:partial_capture"),
    "net": (charged, lambda a: {"amount_minor": a - FEE}, "amount_differs:net_of_fee"),
    "refund missing": (lambda a: [("charge", a), ("refund", -500)], here(), "amount_differs:refund_missing_here"),
    "refund only here": (charged, here(refunded_minor=500), "amount_differs:refund_only_here"),
    "came back": (
        lambda a: [("charge", a), ("refund", -500), ("refund_failure", 500)],
        here(refunded_minor=500),
        "amount_differs:failed_refund_came_back",
    ),
    "dispute as refund": (
        lambda a: [("charge", a), ("dispute", -a)],
        lambda a: {"amount_minor": a, "refunded_minor": a},
        "amount_differs:dispute_counted_as_refund",
    ),
    "no amount": (charged, lambda a: {"amount_minor": None}, "amount_differs:no_amount"),
    "only at Stripe": (charged, lambda a: None, "only_stripe:unknown_here"),
    "only here": (nothing, here(), "only_here:unknown_at_stripe"),
    "pending": (nothing, here(status="processing"), "in_flight:pending"),
    "failed here only": (charged, here(status="failed"), "status_differs:settled_at_stripe_only"),
    "odd status": (charged, here(status="teapot"), "status_differs:unknown_status"),
    # One side in the window, the other an hour before it.
    "across the edge": (
        lambda a: [("charge", a, {"created_s": START_S + 60})],
        here(created_s=START_S - 3600),
        "matched:",
    ),
    # Of another window on both sides.
    "beyond": (
        lambda a: [("charge", a, {"created_s": START_S - 3600})],
        lambda a: {"amount_minor": a + 5, "created_s": START_S - 3600},
        "",
    ),
}


def plant(ledger: Ledger, payment: str, kind: str, amount: int, at_s: int) -> None:
    """One payment of a kind; `amount` is well above what the kinds take off it."""
    at_stripe, at_home, verdict = KINDS[kind]
    for number, (category, minor, *more) in enumerate(at_stripe(amount)):
        ledger.transaction(payment, category, minor, at_s + number * 60, **(more[0] if more else {}))
    row = at_home(amount)
    if row is not None:
        ledger.payment(payment, **{"created_s": at_s + 3, **row})
    if verdict:
        name, reason = verdict.split(":")
        ledger.expected[payment] = (name, reason)
    else:
        ledger.outside += 1


@pytest.fixture
def bench() -> Iterator[DuckWorkbench]:
    with closing(DuckWorkbench()) as workbench:
        yield workbench


def fill(bench: DuckWorkbench, **tables: list[dict[str, Any]]) -> None:
    for table, found in tables.items():
        with bench.rows_for(table) as rows:
            rows.add(found)


def judge(
    bench: DuckWorkbench, window: Window = WINDOW, coverage: Coverage | None = None
) -> dict[str, tuple[str, str]]:
    wide = coverage or Coverage(window.wide_start, window.wide_end, window.wide_start, window.wide_end)
    bench.match(Subject.PAYMENTS, window, RULES, wide)
    return {
        row[0]: (row[1], row[2]) for row in bench._db.execute("select key, verdict, reason from findings").fetchall()
    }


@pytest.mark.parametrize("seed", range(4))
def test_every_planted_difference_is_found_under_its_name_and_nothing_else(bench: DuckWorkbench, seed: int) -> None:
    dice = random.Random(seed)
    ledger = Ledger()
    for number in range(400):
        at_s = START_S + dice.randrange(3 * DAY_S, 28 * DAY_S)
        plant(ledger, f"pi_{number}", dice.choice(list(KINDS)), dice.randrange(2_000, 90_000), at_s)
    dice.shuffle(ledger.transactions)
    dice.shuffle(ledger.payments)
    fill(bench, transactions=ledger.transactions, payments=ledger.payments)

    assert judge(bench) == ledger.expected
    read = bench.read_counts(Subject.PAYMENTS)
    assert read == (len(ledger.transactions), len(ledger.payments))
    totals = bench.totals()
    out = sum(each.rows for each in bench.left_out())
    assert sum(total.stripe_rows + total.our_rows for total in totals) + out == sum(read)
    assert out == 2 * ledger.outside


def test_repeated_rows_are_duplicates_and_the_first_one_still_matches(bench: DuckWorkbench) -> None:
    ledger = Ledger()
    ledger.transaction("pi_1", "charge", 1000, START_S + DAY_S * 9)
    ledger.payment("pi_1")
    fill(bench, transactions=ledger.transactions * 2, payments=ledger.payments * 3)
    judge(bench)
    counts = Counter((total.verdict, total.stripe_rows, total.our_rows) for total in bench.totals())
    assert counts == {(Verdict.MATCHED, 1, 1): 1, (Verdict.DUPLICATE, 1, 2): 1}


def test_a_row_without_id_or_date_is_named_not_lost(bench: DuckWorkbench) -> None:
    ledger = Ledger()
    ledger.payment(None)
    ledger.payment("")
    ledger.payment("pi_2", created_s=None)
    fill(bench, payments=ledger.payments)
    judge(bench)
    assert {(total.reason, total.our_rows) for total in bench.totals()} == {("no_id", 2), ("no_date", 1)}


def test_what_is_no_customers_money_is_left_out_by_name(bench: DuckWorkbench) -> None:
    ledger = Ledger()
    ledger.transaction("", "payout", -900, START_S + DAY_S, payment_id=None)
    ledger.transaction("", "fee", -3, START_S + DAY_S, payment_id=None)
    fill(bench, transactions=ledger.transactions)
    assert judge(bench) == {}
    assert {(each.what, each.rows, int(each.amount)) for each in bench.left_out()} == {
        ("payout", 1, -900),
        ("fee", 1, -3),
    }


@pytest.mark.parametrize(("age", "verdict"), [(timedelta(hours=47), "in_flight"), (timedelta(hours=49), "only_stripe")])
def test_what_may_still_arrive_is_in_flight(bench: DuckWorkbench, age: timedelta, verdict: str) -> None:
    window = Window(NOW - timedelta(days=10), NOW, timedelta(days=2), NOW)
    ledger = Ledger()
    ledger.transaction("pi_1", "charge", 1000, int((NOW - age).timestamp()))
    fill(bench, transactions=ledger.transactions)
    assert judge(bench, window)["pi_1"][0] == verdict


def test_a_file_proves_nothing_missing_beyond_its_own_rows(bench: DuckWorkbench) -> None:
    ledger = Ledger()
    ledger.payment("pi_1", created_s=START_S + DAY_S * 20)
    ledger.payment("pi_2", created_s=START_S + DAY_S * 5)
    fill(bench, payments=ledger.payments)
    until = WINDOW.start + timedelta(days=20)
    coverage = Coverage(WINDOW.start, until, WINDOW.wide_start, WINDOW.wide_end)
    assert judge(bench, coverage=coverage) == {
        "pi_1": ("in_flight", "edge"),
        "pi_2": ("only_here", "unknown_at_stripe"),
    }


def test_a_report_whose_counts_do_not_add_up_is_never_shown(bench: DuckWorkbench) -> None:
    from billing_cli.domain.account import StripeIdentity

    with pytest.raises(Fault, match="Rows were lost"):
        Report(Subject.PAYMENTS, StripeIdentity("acct", False, False), WINDOW, "", 1, 0, [], [], [], [], 0)


ITEMIZED = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,source_id,"
    "description,customer_facing_amount,customer_facing_currency,charge_id,payment_intent_id,customer_id,"
    "automatic_payout_id\n"
)


LINE = "txn_1,2026-10-03 10:00:00,,usd,12.50,0,12.50,charge,ch_1,,,,,,,\n"


def test_major_units_of_a_report_become_minor_ones_exactly(bench: DuckWorkbench, tmp_path: Path) -> None:
    file = tmp_path / "it's.csv"
    file.write_text(
        ITEMIZED
        + "txn_1,2026-10-03 10:00:00,2026-10-05 00:00:00,usd,12.50,0.67,11.83,charge,ch_1,,12.50,usd,ch_1,pi_1,cus_1,po_1\n"
        + "txn_2,2026-10-03 10:00:00,2026-10-05 00:00:00,jpy,1250,0,1250,charge,ch_2,,1250,jpy,ch_2,,cus_1,\n"
        + "txn_3,2026-10-03 10:00:00,2026-10-05 00:00:00,kwd,1.250,0,1.250,charge,ch_3,,1.250,kwd,ch_3,pi_3,,\n"
        + "txn_4,2026-10-03 10:00:00,2026-10-05 00:00:00,usd,-11.00,0,-11.00,refund,re_1,,-10.00,eur,ch_4,pi_4,,\n"
    )
    bench.load_csv(file, [ExportKind.ITEMIZED])
    found = {one.transaction_id: one for one in bench.transactions()}
    assert [(found[f"txn_{n}"].amount_minor, found[f"txn_{n}"].payment_id) for n in (1, 2, 3)] == [
        (1250, "pi_1"),
        (1250, "ch_2"),
        (1250, "pi_3"),
    ]
    assert (found["txn_1"].fee_minor, found["txn_1"].net_minor, found["txn_1"].payout_id) == (67, 1183, "po_1")
    assert (found["txn_4"].shown_minor, found["txn_4"].shown_currency) == (-1000, "eur")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "no export of Stripe's"),
        ("", "no export of Stripe's"),
        (ITEMIZED.replace("gross,", "").replace("charge_id,", ""), "lacks gross, charge_id"),
        (ITEMIZED + LINE + LINE[:40], "line 3: 7 columns instead of 16"),
        (ITEMIZED + LINE + LINE.replace(",ch_1,", ',"ch_1,', 1), "line 3: a quote is never closed"),
        (ITEMIZED + "txn_1,2026-10-03 10:00:00,,usd,12.5051,0,12.5051,charge,,,,,,,,\n", "more decimals"),
        (ITEMIZED + "txn_1,2026-10-03 10:00:00,,usd,twelve,0,1,charge,,,,,,,,\n", "is no amount"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(bench: DuckWorkbench, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "file.csv").write_text(text)
    with pytest.raises(BadInput, match=says):
        bench.load_csv(tmp_path / "file.csv", list(ExportKind))


@pytest.mark.parametrize("kind", list(ExportKind))
def test_every_column_that_is_read_is_asked_for_by_name(bench: DuckWorkbench, tmp_path: Path, kind: ExportKind) -> None:
    """Found by leaving each one out: no other error comes before."""
    mark = {ExportKind.INVOICES: ["Amount Due"]}.get(kind, [])
    for column in COLUMNS[kind]:
        left = [name for name in COLUMNS[kind] if name != column]
        (tmp_path / "file.csv").write_text(",".join(left + mark) + "\n")
        with pytest.raises(BadInput, match=f"lacks {re.escape(column)}|no export of Stripe's"):
            bench.load_csv(tmp_path / "file.csv", [kind])
    (tmp_path / "file.csv").write_text(",".join([*COLUMNS[kind], *mark]) + "\n")
    bench.load_csv(tmp_path / "file.csv", [kind])


@pytest.mark.parametrize("change", [lambda text: text.replace(",", ";"), lambda text: "\ufeff" + text])
def test_spreadsheets_may_have_saved_the_file_again(
    bench: DuckWorkbench, tmp_path: Path, change: Callable[[str], str]
) -> None:
    """Text of two lines, and a column twice."""
    head = ITEMIZED.replace("\n", ",Description\n")
    line = LINE.replace("ch_1", '"ch_1\n""one"""').replace(",,,\n", ",,,,\n")
    (tmp_path / "file.csv").write_text(change(head + line), encoding="utf-8")
    bench.load_csv(tmp_path / "file.csv", [ExportKind.ITEMIZED])
    assert [one.source_id for one in bench.transactions()] == ['ch_1\n"one"']


def test_what_is_no_text_is_refused(bench: DuckWorkbench, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="no text file"):
        bench.load_csv(tmp_path / "file.csv", list(ExportKind))


def test_the_largest_difference_comes_first(bench: DuckWorkbench) -> None:
    sizes = list(range(1, 3_001))
    random.Random(1).shuffle(sizes)
    ledger = Ledger()
    for size in sizes:
        ledger.payment(f"pi_{size}", amount_minor=size)
    fill(bench, payments=ledger.payments)
    judge(bench)
    assert [finding.ours for finding in bench.findings(20)] == list(range(3_000, 2_980, -1))
    assert [finding.ours for finding in bench.findings()] == list(range(3_000, 0, -1))


def test_a_file_that_cannot_make_books_is_refused_for_them(bench: DuckWorkbench, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("id,Converted Amount\nch_1,1.00\n")
    with pytest.raises(BadInput, match="Dashboard's export of payments"):
        bench.load_csv(tmp_path / "file.csv", [ExportKind.ITEMIZED])


def test_what_a_killed_run_left_behind_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "billing-workbench-killed").mkdir()
    (tmp_path / "billing-workbench-killed" / "payments.ndjson").write_text("{}")
    (tmp_path / "billing-workbench-young").mkdir()
    (tmp_path / "another").mkdir()
    with closing(DuckWorkbench()):
        running = next(path for path in tmp_path.iterdir() if path.name[18:] not in ("killed", "young", ""))
        assert running.stat().st_mode & 0o777 == 0o700
        for path in (tmp_path / "billing-workbench-killed", running):
            os.utime(path, (0, 0))
        with closing(DuckWorkbench()):
            kept = {path.name for path in tmp_path.iterdir()}
    assert running.name in kept
    assert "billing-workbench-killed" not in kept
    assert {path.name for path in tmp_path.iterdir()} == {"billing-workbench-young", "another"}


def test_a_full_disk_is_told_in_a_sentence() -> None:
    with pytest.raises(Misconfigured, match="No space left"), Spool(Path("/dev/full")) as spool:
        spool.add([{"transaction_id": "x" * 100_000}])


def test_the_engine_and_the_domain_disarm_the_same_text(bench: DuckWorkbench, tmp_path: Path) -> None:
    texts = [
        "=1+1",
        "-2+3",
        " @x",
        "+1",
        "plain",
        "a=b",
        "",
        "＝1",
        "\u00a0=1",
        "\ufeff＝1",
        "\u200b-1",
        "\x01=1",
        "Ａ=1",
    ]
    ledger = Ledger()
    for number, text in enumerate(texts):
        ledger.payment(f"pi_{number:02}", company_id=text, amount_minor=-5)
    fill(bench, payments=ledger.payments)
    judge(bench)
    bench.write(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["key"])
    assert [(row["company_id"], row["ours"]) for row in rows] == [(neutral(text), "-5") for text in texts]
