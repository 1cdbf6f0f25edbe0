"""Measures reconciling a million payments with a million, and reading Stripe's list beside the serial loop.

Run by `make bench`; prints Markdown. Server, database and contenders share this machine, so read the ratios first.
"""

import csv
import time
from pathlib import Path

import psycopg
import stripe
from measuring import KEY, Measure, billing, machine, measure, print_table, servers

from billing_cli.domain.stripe_export import COLUMNS, ExportKind
from billing_cli.sandbox.stripe_control import ask

ROWS, READ, SAMPLE, CHUNK = 1_000_000, 100_000, 2_000, 5_000
LIMIT_PER_S = 25  # of one endpoint
LATENCY_S = 0.1
START_S = 1_790_812_800  # 2026-10-01
WHEN = ["--start", "2026-10-01", "--end", "2026-10-31"]
MONTH_S = 31 * 86_400


def main() -> None:
    print(f"\n{machine()}; {LATENCY_S * 1000:.0f} ms latency")
    with servers() as at:
        url = at.database("reconcile")
        _match(url, at.stripe_url, at.directory)
        _read(at.database("reading"), at.stripe_url)


def _match(db_url: str, stripe_url: str, directory: Path) -> None:
    """Stripe's side is an itemized report, ours a table; then the same with half of ours gone."""
    file = directory / "report.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS[ExportKind.ITEMIZED])
        for n in range(ROWS):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(START_S + n * MONTH_S // ROWS))
            writer.writerow(
                [f"txn_{n}", at, at, "usd", "100.00", "3.20", "96.80", "charge", f"ch_{n}", "", "100.00", "usd",
                 "", f"cus_{n % 1000}", f"ch_{n}", f"pi_{n:08d}"]
            )  # fmt: skip
    _record(db_url, ROWS)
    words = ["reconcile", "payments", *WHEN, "--stripe-csv", str(file)]
    for what in ("all of them here", "half of them missing here"):
        wall_s, cpu_s, peak_mb = billing(db_url, stripe_url, words)
        print(f"\n{ROWS:,} rows against {ROWS:,}, {what}: {wall_s:.1f} s, CPU {cpu_s:.1f} s, peak {peak_mb:,.0f} MB")
        with psycopg.connect(db_url, autocommit=True) as connection:
            connection.execute(
                "delete from billing_payments where right(payment_intent_id, 1) in ('1','3','5','7','9')"
            )


def _read(db_url: str, stripe_url: str) -> None:
    """Payments that agree, each a balance transaction with its charge; the simulator refuses what is over the limit."""
    for first in range(0, READ, CHUNK):
        payments = [
            {"id": f"pi_{n:08d}", "customer": f"cus_{n % 1000}", "amount": 10_000, "currency": "usd",
             "created": START_S + n * MONTH_S // READ}
            for n in range(first, first + CHUNK)
        ]  # fmt: skip
        ask(stripe_url, "POST", "payments", {"payments": payments})
    _record(db_url, READ)
    ask(stripe_url, "POST", "settings", {"rate": LIMIT_PER_S})
    ask(stripe_url, "POST", "faults", {"kind": "delay", "delay_s": LATENCY_S})
    wall_s, cpu_s, _ = billing(db_url, stripe_url, ["reconcile", "payments", *WHEN])
    calls = [line for line in ask(stripe_url, "GET", "log")["log"] if line["path"] == "/v1/balance_transactions"]
    refused = sum(call["status"] != 200 for call in calls)
    reading_s = calls[-1]["at"] - calls[0]["at"] + LATENCY_S
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_url})

    def one_page_after_another(count: int) -> None:
        found = client.v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]}).auto_paging_iter()
        for _, _ in zip(range(count), found, strict=False):
            pass

    mine = Measure("billing reconcile payments (start, read, match)", READ, wall_s, cpu_s)
    serial = measure("stripe-python, auto_paging_iter", SAMPLE, one_page_after_another)
    print_table("transactions read", "transactions", [mine, serial])
    print(
        f"\n{len(calls):,} calls, {refused} of them refused. Full pages of 100, of the {LIMIT_PER_S} that Stripe allows:"
    )
    print(f"\n| | s | pages/s | of {LIMIT_PER_S} |\n|---|--:|--:|--:|")
    for what, seconds in (("reading alone, first call to last answer", reading_s), ("the whole command", wall_s)):
        pages_per_s = READ / 100 / seconds
        print(f"| {what} | {seconds:.1f} | {pages_per_s:.1f} | {pages_per_s / LIMIT_PER_S:.0%} |")


def _record(db_url: str, rows: int) -> None:
    """That many payments of the month in our table."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute(
            "insert into billing_payments select 'pi_' || lpad(n::text, 8, '0'), 'co_1', 10000, 0, 'usd', 'succeeded', "
            "to_timestamp(%s + n::bigint * %s / %s) from generate_series(0, %s) n",
            (START_S, MONTH_S, rows, rows - 1),
        )
        connection.execute("vacuum analyze billing_payments")


if __name__ == "__main__":
    main()
