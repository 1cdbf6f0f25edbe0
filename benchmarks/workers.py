"""Measures `billing export` with 1, 2 and 4 workers: as fast as it goes, and at Stripe's limit of 1,000 calls a second.

Run by `make bench`; prints Markdown. Server, database and workers share this machine, so more workers than
cores show what sharing costs, not what more machines would give.
"""

from collections import Counter
from dataclasses import dataclass

import psycopg
from measuring import billing, machine, servers

from billing_cli.sandbox.seed import seed
from billing_cli.sandbox.stripe_control import ask

ROWS, LIMIT_PER_S, LATENCY_S = 100_000, 1_000, 0.1
WORKERS = (1, 2, 4)
METER_EVENTS = "/v1/billing/meter_events"


@dataclass(frozen=True)
class Run:
    """`whole_s` from process start to its end, `sending_s` from the first call that reached Stripe to the last."""

    workers: int
    statuses: Counter[int]
    whole_s: float
    sending_s: float
    cpu_s: float

    @property
    def events(self) -> int:
        return self.statuses[200]


def main() -> None:
    print(machine())
    with servers() as at:
        for title, latency_s, limit_per_s, options in (
            ("at 0 ms, no limit", 0.0, 0, []),
            # A live key has this pace by itself; at another address than Stripe's own nobody knows a limit.
            ("at 100 ms, Stripe refuses more than 1,000/s", LATENCY_S, LIMIT_PER_S, ["--rate", "980"]),
        ):
            runs = []
            for workers in WORKERS:
                url = at.database(f"w{workers}_{limit_per_s}")
                _arrange(url, at.stripe_url, latency_s, limit_per_s)
                runs.append(_run(url, at.stripe_url, workers, options))
            _print(title, runs)


def _arrange(db_url: str, stripe_url: str, latency_s: float, limit_per_s: int) -> None:
    ask(stripe_url, "POST", "reset", {})
    seed(db_url, stripe_url, rows=ROWS)
    ask(stripe_url, "POST", "settings", {"rate": limit_per_s})
    if latency_s:
        ask(stripe_url, "POST", "faults", {"kind": "delay", "delay_s": latency_s, "endpoint": METER_EVENTS})


def _run(db_url: str, stripe_url: str, workers: int, options: list[str]) -> Run:
    with psycopg.connect(db_url) as connection:
        row = connection.execute("select (now() at time zone 'UTC')::date - 34, (now() at time zone 'UTC')::date - 1")
        start, end = map(str, row.fetchone() or ("", ""))
    words = ["export", "--start", start, "--end", end, "--workers", str(workers), *options, "--confirm"]
    whole_s, cpu_s, _ = billing(db_url, stripe_url, words)
    calls = [line for line in ask(stripe_url, "GET", "log")["log"] if line["path"] == METER_EVENTS]
    statuses = Counter(call["status"] for call in calls)
    return Run(workers, statuses, whole_s, calls[-1]["at"] - calls[0]["at"], cpu_s)


def _print(title: str, runs: list[Run]) -> None:
    print(f"\n| {title} | events | events/s, sending | × 1 worker | events/s, whole | CPU ms each | 429 | 409 |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for run in runs:
        sending, alone = run.events / run.sending_s, runs[0].events / runs[0].sending_s
        cells = [f"{run.events:,}", f"{sending:,.0f}", f"{sending / alone:.2f}", f"{run.events / run.whole_s:,.0f}"]
        cells += [f"{run.cpu_s / run.events * 1000:.2f}", str(run.statuses[429]), str(run.statuses[409])]
        print(f"| {run.workers} worker{'s' if run.workers > 1 else ''} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
