"""Measures fetching and replaying events beside sequential loops, in one run at 100 ms latency.

Run by `make bench`; prints Markdown. Server, database, endpoint and contenders share this machine, so
read the ratios first.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import stripe
from measuring import KEY, Measure, billing, machine, measure, print_table, servers

from billing_cli.domain.webhook_signature import signed_header
from billing_cli.sandbox.stripe_control import ask

EVENTS, OBJECTS, SAMPLE = 5000, 500, 30
LATENCY_S = 0.1
SECRET = "whsec_benchmark"


def main() -> None:
    print(f"\n{machine()}; {LATENCY_S * 1000:.0f} ms latency")
    with servers() as at:
        url = at.database("webhooks")
        _prepare(at.stripe_url)
        ask(at.stripe_url, "POST", "faults", {"kind": "delay", "delay_s": LATENCY_S})
        _fetch(url, at.stripe_url)
        _replay(url, at.stripe_url, at.directory)


def _prepare(stripe_url: str) -> None:
    """Events of the last hours, spread evenly."""
    began_s = int(time.time()) - 3 * 3600
    step_s = 3 * 3600 / EVENTS
    events = [
        {"type": "invoice.updated", "created": began_s + int(n * step_s), "object": {"id": f"in_{n % OBJECTS}"}}
        for n in range(EVENTS)
    ]
    ask(stripe_url, "POST", "stripe_events", {"events": events})


def _fetch(db_url: str, stripe_url: str) -> None:
    wall_s, cpu_s, _ = billing(db_url, stripe_url, ["webhooks", "fetch", "--since", "4h", "--confirm"])
    with psycopg.connect(db_url) as connection:
        kept = connection.execute("select count(*) from billing_webhooks").fetchone()
    if kept != (EVENTS,):
        raise SystemExit(f"{kept} events were kept instead of {EVENTS}")
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_url})

    def one_page_after_another(count: int) -> None:
        for _, _ in zip(range(count), client.v1.events.list({"limit": 100}).auto_paging_iter(), strict=False):
            pass

    mine = Measure("billing webhooks fetch (8 shards, compared and stored)", EVENTS, wall_s, cpu_s)
    print_table(
        "events fetched", "events", [mine, measure("stripe-python, not stored", EVENTS, one_page_after_another)]
    )


@contextmanager
def _endpoint() -> Iterator[tuple[str, list[int]]]:
    """Answers 200 after the latency; counts."""
    got: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(LATENCY_S)
            got.append(1)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hooks", got
    server.shutdown()
    server.server_close()


def _replay(db_url: str, stripe_url: str, directory: Path) -> None:
    with _endpoint() as (url, got):
        (directory / "billing.toml").write_text(f'[webhooks]\nreplay_to = ["{url}"]\n')
        os.environ |= {"BILLING_CONFIG": str(directory / "billing.toml"), "STRIPE_WEBHOOK_SECRET": SECRET}
        words = ["webhooks", "replay", "--since", "4h", "--to", url, "--rate", "0", "--confirm"]
        wall_s, cpu_s, _ = billing(db_url, stripe_url, words)
        if len(got) != EVENTS:
            raise SystemExit(f"{len(got)} events were delivered instead of {EVENTS}")

        def one_after_another(count: int) -> None:
            body: Any = b'{"object":"event"}'
            with httpx.Client() as http:
                for _ in range(count):
                    header = signed_header(body, SECRET, int(time.time()))
                    http.post(url, content=body, headers={"Stripe-Signature": header}).raise_for_status()

        mine = Measure("billing webhooks replay (16 objects at a time, settled)", EVENTS, wall_s, cpu_s)
        loop = measure("one after another", SAMPLE, one_after_another)
        print_table("events replayed", "events", [mine, loop])


if __name__ == "__main__":
    main()
