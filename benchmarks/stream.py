"""Measures `billing export --backend stream` beside bare aiohttp and stripe-python, parcels of 100 events, in one run.

Run by `make bench`; prints Markdown. Server, database and contenders share this machine, so read
the ratios first.
"""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp
import psycopg
import stripe
from measuring import KEY, Measure, billing, machine, measure, print_table, servers

from billing_cli.sandbox.stripe_control import ask

COMPANIES, HOURS = 400, 33 * 24
PARCEL, IN_FLIGHT = 100, 16
SEQUENTIAL = {0: 50_000, 100: 3_000}
AIOHTTP = {0: 300_000, 100: 100_000}
SESSION, STREAM = "/v2/billing/meter_event_session", "/v2/billing/meter_event_stream"


def main() -> None:
    print(f"{machine()}\n")
    with servers() as at:
        for latency_ms in (0, 100):
            ask(at.stripe_url, "POST", "reset", {})
            url = at.database(f"stream_{latency_ms}")
            _fill(url, at.stripe_url)
            if latency_ms:
                ask(at.stripe_url, "POST", "faults", {"kind": "delay", "delay_s": latency_ms / 1000})
            _compare(latency_ms, url, at.stripe_url)


def _fill(db_url: str, stripe_url: str) -> None:
    """A usage row for every company and hour, so that there are as many events as rows."""
    customers = [{"id": f"cus_bench_{number}"} for number in range(COMPANIES)]
    ask(stripe_url, "POST", "bulk", {"customers": customers, "meters": [{"event_name": "api_calls"}]})
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute(
            "insert into billing_companies (company_id, name, stripe_customer_id) "
            "select 'co_' || n, 'Company ' || n, 'cus_bench_' || n from generate_series(0, %s) n",
            (COMPANIES - 1,),
        )
        connection.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
            "select 'co_' || n, 'api_calls', 1 + n %% 7, "
            "date_trunc('day', now(), 'UTC') - make_interval(hours => h) + interval '5 minutes' "
            "from generate_series(1, %s) h, generate_series(0, %s) n",
            (HOURS, COMPANIES - 1),
        )
        connection.execute("vacuum analyze billing_usage_events")


def _compare(latency_ms: int, db_url: str, stripe_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as connection:
        row = connection.execute("select (now() at time zone 'UTC')::date - 33, (now() at time zone 'UTC')::date - 1")
        start, end = map(str, row.fetchone() or ("", ""))
        words = ["export", "--start", start, "--end", end, "--backend", "stream", "--confirm"]
        wall_s, cpu_s, peak_mb = billing(db_url, stripe_url, words)
        found: Any = connection.execute(
            "select (select count(*) from billing_export_items where state = 'accepted'), "
            "extract(epoch from (select max(at) from billing_audit_log where action = 'export.settled') "
            "- (select min(at) from billing_audit_log where action = 'export.acquired'))::float8"
        ).fetchone()
    events, sending_s = found
    measures = [
        Measure("billing export --backend stream (process start, plan, claims, settles)", events, wall_s, cpu_s),
        measure(
            "bare aiohttp, 16 parcels in flight", AIOHTTP[latency_ms], lambda n: asyncio.run(_aiohttp(stripe_url, n))
        ),
        measure("stripe-python, parcel after parcel", SEQUENTIAL[latency_ms], lambda n: _sequential(stripe_url, n)),
    ]
    print_table(f"stream at {latency_ms} ms", "events", measures)
    print(f"\nOf the export, from its first claim to its last settlement: {events / sending_s:,.0f} events/s; ", end="")
    print(f"peak {peak_mb:.0f} MB")


def _parcels(events: int) -> Iterator[list[dict[str, object]]]:
    for start in range(0, events, PARCEL):
        yield [
            {
                "event_name": "api_calls",
                "identifier": uuid.uuid4().hex,
                "timestamp": "2026-11-01T00:00:00Z",
                "payload": {"stripe_customer_id": f"cus_bench_{number % COMPANIES}", "value": "1"},
            }
            for number in range(start, start + PARCEL)
        ]


def _sequential(stripe_url: str, events: int) -> None:
    addresses: Any = {"api": stripe_url, "meter_events": stripe_url}
    token = stripe.StripeClient(KEY, base_addresses=addresses).v2.billing.meter_event_session.create()
    client = stripe.StripeClient(token.authentication_token, base_addresses=addresses)
    for parcel in _parcels(events):
        sent: Any = parcel
        client.v2.billing.meter_event_stream.create({"events": sent})


async def _aiohttp(stripe_url: str, events: int) -> None:
    parcels = _parcels(events)
    async with aiohttp.ClientSession() as http:
        async with http.post(stripe_url + SESSION, headers={"Authorization": f"Bearer {KEY}"}) as answer:
            token = (await answer.json())["authentication_token"]

        async def send() -> None:
            for parcel in parcels:
                headers = {"Authorization": f"Bearer {token}"}
                async with http.post(stripe_url + STREAM, json={"events": parcel}, headers=headers) as answer:
                    answer.raise_for_status()
                    await answer.read()

        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    main()
