"""The main job shown from end to end, a crash included, with the real command line over real servers."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from billing_cli.sandbox import lifecycle
from billing_cli.sandbox.demo_check import database_sums, differences, stripe_sums
from billing_cli.sandbox.seed import METERS, seed
from billing_cli.sandbox.stripe_control import ask

RATE = 1000.0
COMMAND_TIMEOUT_S = 120
DONE, MENDING_NEEDED, REFUSED = 0, 3, 4

# More usage of the same day: what arrives late is sent as the difference, hour by hour.
LATE_USAGE = """
insert into billing_usage_events (company_id, meter, quantity, occurred_at, source_id)
select company_id, meter, 1.25 + usage_event_id %% 7, occurred_at, 'late-' || usage_event_id
from billing_usage_events
where occurred_at >= %(start)s and occurred_at < %(end)s and source_id like 'seed-%%'
  and usage_event_id %% 3 = 0 and quantity > 0 and quantity < 'NaN'
"""


class Deviation(Exception):
    """A step did not do what it must; the message says how."""


class Demo:
    def __init__(self, migrate: Callable[[str], None], show: Callable[..., None], rows: int, companies: int) -> None:
        self._migrate, self._show = migrate, show
        self._rows, self._companies = rows, companies
        self._step = 0
        self._sender: subprocess.Popen[bytes] | None = None
        self.end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.start = self.end - timedelta(days=1)

    def run(self) -> int:
        """Every step in order; 0, or 1 with words where one deviates. Leaves nothing behind, interrupted or not."""
        began_s = time.monotonic()
        # Open to be passed through: root's Postgres runs as another account.
        place = Path(tempfile.mkdtemp(prefix="billing-demo-")).resolve()
        place.chmod(0o711)
        # Both, where a shell had them ignored too: the commands it starts listen to them as well.
        former = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._steps(place / "sandbox")
        except Deviation as deviation:
            self._show(f"\nThe demo found a fault: {deviation}", style="bold red")
            return 1
        finally:
            for number in former:
                signal.signal(number, signal.SIG_IGN)
            self._stop_sender()
            lifecycle.remove(place / "sandbox")
            place.rmdir()
            for number, handler in former.items():
                signal.signal(number, handler)
        self._show(f"\nAll as it should be, in {time.monotonic() - began_s:.0f} s.", style="bold green")
        return 0

    def _steps(self, directory: Path) -> None:
        self._heading("A private Postgres and a private Stripe")
        self.sandbox = lifecycle.up(directory, self._migrate, rate=RATE)
        self._say(f"Postgres and a Stripe simulator run on loopback, {RATE:.0f} calls/s allowed as in live mode.")
        self._heading(f"{self._rows:,} rows of messy usage over {self._companies} companies")
        seeded = seed(self.sandbox.database_url, self.sandbox.stripe_url, rows=self._rows, companies=self._companies)
        self._say(f"{seeded.usage_rows:,} rows: late, corrected, unmapped, too old, NULL, NaN, on every edge.")
        self._dry_run()
        self._one_gate()
        self._live_run()
        self._nothing_left()
        self._crash()
        self._recovery()

    def _dry_run(self) -> None:
        self._heading("Dry run: what would be sent, and what not, with reasons")
        self._expect(self._export(live=False), DONE, "the dry run")
        self._expect_events(0, "the dry run")

    def _one_gate(self) -> None:
        self._heading("--confirm without LIVE=true: refused")
        self._expect(self._export("--confirm", live=False, shown=False), REFUSED, "the export with one gate")
        self._expect_events(0, "the refused export")
        self._say("Exit code 4, and nothing reached Stripe.")

    def _live_run(self) -> None:
        self._heading("The live run: LIVE=true and --confirm")
        began_s = time.monotonic()
        code = self._export("--confirm", live=True, shown=False)
        self._expect(code, MENDING_NEEDED, "the live run")
        sent, took_s = self._accepted(), time.monotonic() - began_s
        self._say(f"{sent:,} meter events sent in {took_s:.1f} s. Exit code 3: some rows need mending.")
        self._compare()

    def _nothing_left(self) -> None:
        self._heading("The same command again: nothing is left to send")
        before = self._accepted()
        self._expect(self._export("--confirm", live=True, shown=False), MENDING_NEEDED, "the second run")
        self._expect_events(before, "the second run")
        self._say("Stripe received no event.")

    def _crash(self) -> None:
        self._heading("Late usage comes in, and the sender is killed with SIGKILL mid-batch")
        before = self._accepted()
        late = self._add_late_usage()
        missing = sum(1 for _ in self._missing_hours())
        self._sender = subprocess.Popen(
            self._command("--confirm"),
            env=self._environment(live=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_events(before + max(1, missing // 2))
        self._sender.kill()
        self._sender.wait()
        reached = self._accepted() - before
        if reached >= missing:
            raise Deviation("the sender was through before it could be killed.")
        self._say(f"{late:,} late rows in {missing:,} hours; killed when {reached:,} events had reached Stripe.")

    def _recovery(self) -> None:
        self._heading("Run again: it takes over, and Stripe equals the database to the last digit")
        self._expect(self._export("--confirm", live=True, shown=False), MENDING_NEEDED, "the run after the crash")
        self._compare()
        self._no_duplicates()

    def _compare(self) -> None:
        meters = [meter["event_name"] for meter in METERS]
        ours = database_sums(self.sandbox.database_url, self.start, self.end, meters)
        found = differences(ours, stripe_sums(self.sandbox.stripe_url))
        if found:
            raise Deviation(f"{len(found)} totals differ. {found[0]}")
        self._say(f"{len(ours):,} totals (company and meter) compared: every one equal to the last digit.")

    def _no_duplicates(self) -> None:
        events = ask(self.sandbox.stripe_url, "GET", "events")["events"]
        if len({event["identifier"] for event in events}) != len(events):
            raise Deviation("Stripe counted an identifier twice.")
        self._say(f"{len(events):,} events in all, none of them twice.")

    def _add_late_usage(self) -> int:
        import psycopg

        with psycopg.connect(self.sandbox.database_url) as connection:
            return connection.execute(LATE_USAGE, {"start": self.start, "end": self.end}).rowcount

    def _missing_hours(self) -> list[Any]:
        import psycopg

        with psycopg.connect(self.sandbox.database_url) as connection:
            return connection.execute(
                "select distinct meter, company_id, date_trunc('hour', occurred_at)"
                " from billing_usage_events join billing_companies using (company_id)"
                " where source_id like 'late-%%' and stripe_customer_id is not null and meter = any(%s)",
                ([meter["event_name"] for meter in METERS],),
            ).fetchall()

    def _await_events(self, wanted: int) -> None:
        deadline_s = time.monotonic() + COMMAND_TIMEOUT_S
        while self._accepted() < wanted:
            if self._sender is None or self._sender.poll() is not None or time.monotonic() > deadline_s:
                raise Deviation("the sender ended before half of its events had reached Stripe.")
            time.sleep(0.01)

    def _accepted(self) -> int:
        return int(ask(self.sandbox.stripe_url, "GET", "status")["accepted"])

    def _export(self, *more: str, live: bool, shown: bool = True) -> int:
        command = self._command(*more)
        self._say(f"$ {'LIVE=true ' if live else ''}billing export --period yesterday {' '.join(more)}", style="bold")
        done = subprocess.run(
            command,
            check=False,
            env=self._environment(live),
            stdin=subprocess.DEVNULL,
            capture_output=not shown,
            timeout=COMMAND_TIMEOUT_S,
        )
        self._last_words = (done.stderr or b"").decode(errors="replace").strip()
        return done.returncode

    def _command(self, *more: str) -> list[str]:
        command = [sys.executable, "-m", "billing_cli", "--env-file", str(self.sandbox.env_file)]
        return [*command, "export", "--period", "yesterday", *more]

    def _environment(self, live: bool) -> dict[str, str]:
        """The caller's own addresses and keys must not leak into the rehearsal."""
        ours = ("STRIPE_", "SUPABASE_", "BILLING_", "LIVE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | ({"LIVE": "true"} if live else {})

    def _expect(self, code: int, wanted: int, what: str) -> None:
        if code != wanted:
            raise Deviation(f"{what} ended with exit code {code} instead of {wanted}. {self._last_words[-600:]}")

    def _expect_events(self, wanted: int, what: str) -> None:
        if (found := self._accepted()) != wanted:
            raise Deviation(f"{what} left {found:,} events in Stripe instead of {wanted:,}.")

    def _heading(self, text: str) -> None:
        self._step += 1
        self._show(f"\n{self._step}. {text}", style="bold cyan")

    def _say(self, text: str, style: str = "") -> None:
        self._show(f"   {text}", style=style)

    def _stop_sender(self) -> None:
        if self._sender and self._sender.poll() is None:
            self._sender.kill()
            self._sender.wait()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
