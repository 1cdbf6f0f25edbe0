"""Measures `billing export` beside a sequential stripe-python loop and bare aiohttp, in one run.

Run by `make bench`; prints Markdown. Server, database and contenders share this machine, so read
the ratios first.
"""

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import aiohttp
import psycopg
import stripe
from common import KEY, Measure, billing, machine, measure, new_database, print_table

from billing_cli.sandbox import postgres
from billing_cli.sandbox.seed import seed
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.sandbox.stripe_control import ask

IN_FLIGHT = 100
SEQUENTIAL = {0: 500, 100: 30}
AIOHTTP = {0: 5_000, 100: 2_000}


def main() -> None:
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        admin_url = postgres.start(directory / "postgres")
        simulator = start_simulator(directory / "stripe")
        try:
            for rows in (100_000, 1_000_000):
                url = new_database(admin_url, f"usage_{rows}")
                seed(url, simulator.url, rows=rows)
                _preview(rows, url, simulator.url)
            for latency_ms in (0, 100):
                url = new_database(admin_url, f"latency_{latency_ms}")
                ask(simulator.url, "POST", "reset", {})
                seed(url, simulator.url, rows=100_000)
                if latency_ms:
                    ask(simulator.url, "POST", "faults", {"kind": "delay", "delay_s": latency_ms / 1000})
                _throughput(latency_ms, url, simulator.url)
        finally:
            simulator.stop()
            postgres.stop(directory / "postgres")


def _preview(rows: int, db_url: str, stripe_url: str) -> None:
    samples = [_export(db_url, stripe_url, []) for _ in range(3)]
    wall_s, _, peak_mb = min(samples)
    started_at = time.perf_counter()
    with psycopg.connect(db_url) as connection:
        connection.execute(
            "select company_id, meter, date_bin('1 hour', occurred_at, '2000-01-01Z'), count(*), sum(quantity) "
            "from billing_usage_events where occurred_at >= date_trunc('day', now(), 'UTC') - interval '34 days' "
            "and occurred_at < date_trunc('day', now(), 'UTC') group by 1, 2, 3"
        ).fetchall()
    bare_s = time.perf_counter() - started_at
    print(f"dry run, {rows:,} usage rows: {wall_s:.2f} s, peak {peak_mb:.0f} MB; bare aggregate {bare_s:.2f} s")


def _throughput(latency_ms: int, db_url: str, stripe_url: str) -> None:
    wall_s, cpu_s, _ = _export(db_url, stripe_url, ["--confirm"])
    with psycopg.connect(db_url) as connection:
        row = connection.execute("select count(*) from billing_export_items where state = 'accepted'").fetchone()
    measures = [
        Measure("billing export (process start, plan, claims, settles)", row[0] if row else 0, wall_s, cpu_s),
        measure("bare aiohttp, 100 in flight", AIOHTTP[latency_ms], lambda n: asyncio.run(_aiohttp(stripe_url, n))),
        measure("stripe-python, one after another", SEQUENTIAL[latency_ms], lambda n: _sequential(stripe_url, n)),
    ]
    print_table(f"at {latency_ms} ms", "events", measures)


def _export(db_url: str, stripe_url: str, options: list[str]) -> tuple[float, float, float]:
    """One `billing export` over 34 days."""
    with psycopg.connect(db_url) as connection:
        row = connection.execute("select (now() at time zone 'UTC')::date - 34, (now() at time zone 'UTC')::date - 1")
        start, end = map(str, row.fetchone() or ("", ""))
    return billing(db_url, stripe_url, ["export", "--start", start, "--end", end, *options])


def _payload(number: int) -> dict[str, str]:
    return {"stripe_customer_id": f"cus_bench_{number}", "value": "1"}


def _sequential(stripe_url: str, events: int) -> None:
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_url})
    for number in range(events):
        client.v1.billing.meter_events.create(
            {"event_name": "api_calls", "identifier": uuid.uuid4().hex, "payload": _payload(number)}
        )


async def _aiohttp(stripe_url: str, events: int) -> None:
    numbers = iter(range(events))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:

        async def send() -> None:
            for number in numbers:
                form = {"event_name": "api_calls", "identifier": uuid.uuid4().hex}
                form |= {f"payload[{key}]": value for key, value in _payload(number).items()}
                async with session.post(f"{stripe_url}/v1/billing/meter_events", data=form) as answer:
                    answer.raise_for_status()
                    await answer.read()

        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    main()
