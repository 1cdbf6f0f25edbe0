"""Measures a dry run of `billing export` over 10^5, 10^6 and 10^7 usage rows beside the bare aggregate in psql.

Run by `make bench`; prints Markdown.
"""

import shutil
import subprocess
import time

import psycopg
from measuring import billing, machine, servers

from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.meter import StripeMeter, route_meters
from billing_cli.sandbox.seed import seed

SIZES = (100_000, 1_000_000, 10_000_000)
SAMPLES = 3
DAYS = 34
AGGREGATE = """
select company_id, meter, date_bin('1 hour', occurred_at, '2000-01-01 00:00:00+00'), count(*), sum(quantity)
from billing_usage_events
where occurred_at >= date_trunc('day', now(), 'UTC') - interval '34 days'
  and occurred_at < date_trunc('day', now(), 'UTC')
group by 1, 2, 3
"""


def main() -> None:
    print(f"{machine()}; best of {SAMPLES}\n")
    print(
        "| usage rows | bare aggregate s | the plan's query s | × aggregate | whole dry run s | × aggregate | peak MB | × smallest |"
        "\n|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    smallest_mb: float | None = None
    with servers() as at:
        for rows in SIZES:
            url = at.database(f"usage_{rows}")
            seed(url, at.stripe_url, rows=rows, days=DAYS)
            bare_s = min(_bare(url) for _ in range(SAMPLES))
            query_s = min(_query(url) for _ in range(SAMPLES))
            wall_s, _, peak_mb = min(_dry_run(url, at.stripe_url) for _ in range(SAMPLES))
            smallest_mb = smallest_mb or peak_mb
            print(
                f"| {rows:,} | {bare_s:.2f} | {query_s:.2f} | {query_s / bare_s:.1f} "
                f"| {wall_s:.2f} | {wall_s / bare_s:.1f} | {peak_mb:.0f} "
                f"| {peak_mb / smallest_mb:.2f} |",
                flush=True,
            )


def _bare(url: str) -> float:
    """Seconds of the aggregate, its rows fetched, in psql; in psycopg where there is none."""
    started_at = time.perf_counter()
    if shutil.which("psql"):
        subprocess.run(["psql", "-q", "-A", "-t", "-c", AGGREGATE, url], check=True, stdout=subprocess.DEVNULL)
    else:
        with psycopg.connect(url) as connection:
            connection.execute(AGGREGATE).fetchall()
    return time.perf_counter() - started_at


def _query(url: str) -> float:
    """Seconds of the one query that a dry run asks, over the wire as the program does it."""
    meters = [
        StripeMeter(name, True, "sum", "customer", "value") for name in ("api_calls", "storage_gb", "seats_minutes")
    ]
    with psycopg.connect(url) as connection:
        days = connection.execute(
            "select date_trunc('day', now(), 'UTC') - make_interval(days => %s)", (DAYS,)
        ).fetchone()
        today = connection.execute("select date_trunc('day', now(), 'UTC')").fetchone()
    database = PostgresDatabase(url)
    started_at = time.perf_counter()
    database.call(
        "billing_export_preview_v3",
        p_account="acct_bench",
        p_livemode=False,
        p_start=days[0].isoformat() if days else "",
        p_end=today[0].isoformat() if today else "",
        p_meters=[route.document() for route in route_meters(meters, {})],
    )
    query_s = time.perf_counter() - started_at
    database.close()
    return query_s


def _dry_run(db_url: str, stripe_url: str) -> tuple[float, float, float]:
    with psycopg.connect(db_url) as connection:
        row = connection.execute(
            "select (now() at time zone 'UTC')::date - %s, (now() at time zone 'UTC')::date - 1", (DAYS,)
        ).fetchone()
        start, end = map(str, row or ("", ""))
    return billing(db_url, stripe_url, ["export", "--start", start, "--end", end])


if __name__ == "__main__":
    main()
