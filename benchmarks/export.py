"""Measures `billing export` beside bare aiohttp, stripe-node and stripe-python, in one run.

Run by `make bench`; prints Markdown. Server, database and contenders share this machine, so read
the ratios first.
"""

import asyncio
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psycopg
import stripe
from measuring import KEY, Measure, billing, machine, measure, print_table, servers

from billing_cli.sandbox.seed import seed
from billing_cli.sandbox.stripe_control import ask

IN_FLIGHT = 100
# So many usage rows, spread over 34 days, are about 70,000 events.
ROWS, DAYS = 300_000, 34
SEQUENTIAL = {0: 500, 100: 30}
CONCURRENT = {0: 5_000, 100: 2_000}
# What Stripe takes of a live key; at another address than its own nobody knows a limit, so the pace is named.
LIMIT_PER_S, RATE = 1_000, ["--rate", "980"]


def main() -> None:
    print(f"{machine()}\n")
    with servers() as at, _stripe_node(at.directory) as node:
        for latency_ms in (0, 100):
            url = at.database(f"latency_{latency_ms}")
            ask(at.stripe_url, "POST", "reset", {})
            seed(url, at.stripe_url, rows=ROWS, days=DAYS)
            if latency_ms:
                ask(at.stripe_url, "POST", "faults", {"kind": "delay", "delay_s": latency_ms / 1000})
                ask(at.stripe_url, "POST", "settings", {"rate": LIMIT_PER_S})
            _throughput(latency_ms, url, at.stripe_url, node)


def _throughput(latency_ms: int, db_url: str, stripe_url: str, node: Path | None) -> None:
    wall_s, cpu_s, _ = _export(db_url, stripe_url, [*(RATE if latency_ms else []), "--confirm"])
    refused = ask(stripe_url, "GET", "status")["rate_limited"]
    ask(stripe_url, "POST", "settings", {"rate": 0})
    with psycopg.connect(db_url) as connection:
        row = connection.execute("select count(*) from billing_export_items where state = 'accepted'").fetchone()
    concurrent, sequential = CONCURRENT[latency_ms], SEQUENTIAL[latency_ms]
    measures = [
        Measure("billing export (process start, plan, claims, settles)", row[0] if row else 0, wall_s, cpu_s),
        measure("bare aiohttp, 100 in flight", concurrent, lambda n: asyncio.run(_aiohttp(stripe_url, n))),
    ]
    if node:
        measures.append(_node(node, stripe_url, concurrent, IN_FLIGHT))
        measures.append(_node(node, stripe_url, sequential, 1))
    measures.append(measure("stripe-python, one after another", sequential, lambda n: _sequential(stripe_url, n)))
    limit = f", at most {LIMIT_PER_S:,} calls a second for billing: {refused} refused" if latency_ms else ""
    print_table(f"at {latency_ms} ms{limit}", "events", measures)


@contextmanager
def _stripe_node(directory: Path) -> Iterator[Path | None]:
    """Where stripe-node is installed, for as long as this runs; None, with a word, where there is no node."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("(stripe-node is left out: there is no node here)\n")
        yield None
        return
    place = directory / "node"
    place.mkdir()
    shutil.copy(Path(__file__).with_name("stripe_node.mjs"), place)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "stripe"], cwd=place, check=True)
    yield place


def _node(place: Path, stripe_url: str, events: int, in_flight: int) -> Measure:
    """Wall-clock seconds without the start of node, CPU seconds with it."""
    command = ["node", "stripe_node.mjs", stripe_url, str(events), str(in_flight)]
    answer = json.loads(subprocess.run(command, cwd=place, check=True, capture_output=True, text=True).stdout)
    name = f"stripe-node, {in_flight} in flight" if in_flight > 1 else "stripe-node, one after another"
    return Measure(name, events, answer["wall_s"], answer["cpu_s"])


def _export(db_url: str, stripe_url: str, options: list[str]) -> tuple[float, float, float]:
    """One `billing export` over 34 days."""
    with psycopg.connect(db_url) as connection:
        row = connection.execute(
            "select (now() at time zone 'UTC')::date - %s, (now() at time zone 'UTC')::date - 1", (DAYS,)
        )
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
