"""Servers of one's own, a contender on them, and what it took."""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import stripe

from billing_cli.sandbox import postgres
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.wiring import migrate_database

KEY = "sk_test_benchmark"


@dataclass(frozen=True)
class Servers:
    """A Postgres and a simulated Stripe; `directory` is gone with them."""

    directory: Path
    admin_url: str
    stripe_url: str

    def database(self, name: str) -> str:
        """A migrated one; its URL."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        url = f"{self.admin_url.rsplit('/', 1)[0]}/{name}"
        migrate_database(url)
        return url


@contextmanager
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # Root's Postgres runs as somebody else.
        directory.chmod(0o755)
        admin_url = postgres.start(directory / "postgres")
        simulator = start_simulator(directory / "stripe")
        try:
            yield Servers(directory, admin_url, simulator.url)
        finally:
            simulator.stop()
            postgres.remove(directory / "postgres")


@dataclass(frozen=True)
class Measure:
    """Things done and what they took: wall-clock and CPU seconds of the contender's process."""

    name: str
    count: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.count / self.wall_s


def machine() -> str:
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, stripe {stripe.VERSION}"


def billing(db_url: str, stripe_url: str, words: list[str]) -> tuple[float, float, float]:
    """Wall-clock seconds, CPU seconds and peak megabytes of one `billing …`, process start included."""
    environment = {**os.environ, "SUPABASE_DB_URL": db_url, "STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": stripe_url}
    command = [sys.executable, "-m", "billing_cli", "-q", *words]
    started_at = time.perf_counter()
    process = subprocess.Popen(command, env={**environment, "LIVE": "true"}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started_at
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 3):  # 3: seeded usage is dirty, and says so
        raise SystemExit(f"billing {words[0]} exited {code}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(name: str, count: int, work: Callable[[int], None]) -> Measure:
    """A contender in this process."""
    cpu_before, started_at = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work(count)
    wall_s, cpu_after = time.perf_counter() - started_at, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = cpu_after.ru_utime - cpu_before.ru_utime + cpu_after.ru_stime - cpu_before.ru_stime
    return Measure(name, count, wall_s, cpu_s)


def print_table(title: str, noun: str, measures: list[Measure]) -> None:
    """Ratios to the last contender, which works one after another."""
    slowest = measures[-1].rate
    print(f"\n| {title} | {noun} | {noun}/s | × sequential | CPU ms each |\n|---|--:|--:|--:|--:|")
    for m in measures:
        cpu_ms = m.cpu_s / m.count * 1000
        print(f"| {m.name} | {m.count:,} | {m.rate:,.0f} | {m.rate / slowest:.1f} | {cpu_ms:.2f} |")
