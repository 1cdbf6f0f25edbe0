"""Where a run takes place: a Postgres and a Stripe of its own, with usage to export, and the passing of time."""

import random
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from os import kill
from pathlib import Path

import psycopg
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies

from billing_cli.sandbox import postgres
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.wiring import migrate_database

DAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
SUM, BY_HOUR, LAST = "api_calls", "storage_gb", "seats"
METERS = [
    {"event_name": SUM},
    {"event_name": BY_HOUR, "event_time_window": "hour", "customer_key": "cust", "value_key": "gb"},
    {"event_name": LAST, "formula": "last"},
]
_TEMPLATE = "campaign_template"
# When a day passes, all instants that Postgres keeps of an item were a day earlier, but for those of the usage itself.
_INSTANTS_SQL = """
select attname::text from pg_attribute
where attrelid = 'billing_export_items'::regclass and atttypid = 'timestamptz'::regtype and not attisdropped
  and attname not in ('bucket_start', 'event_at')
"""


class World:
    """Servers that may be restarted at any moment without anybody else noticing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "postgres"
        self._simulator = start_simulator(directory / "stripe")
        self.stripe = StripeDouble(self._simulator.url)
        self._admin_url = postgres.start(self._directory)
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(f"create database {_TEMPLATE}")
        migrate_database(self._named(_TEMPLATE))

    def close(self) -> None:
        self._simulator.stop()
        postgres.remove(self._directory)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh one, migrated; its URL."""
        name = f"run_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(f"create database {name} template {_TEMPLATE}")
        yield self._named(name)
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")

    def restart_postgres(self, violently: bool) -> None:
        """In order, or as a crash whose log has to be replayed."""
        pid = postgres.server_pid(self._directory)
        if violently and pid is not None:
            kill(pid, signal.SIGQUIT)
            while postgres.server_pid(self._directory) == pid:
                time.sleep(0.01)
        else:
            postgres.stop(self._directory)
        postgres.start(self._directory)

    def _named(self, name: str) -> str:
        return f"{self._admin_url.rsplit('/', 1)[0]}/{name}"


class Scene:
    """One run's companies and usage in a database of its own, and its Stripe, empty."""

    def __init__(self, world: World, db_url: str, dice: random.Random) -> None:
        self.world, self.db_url, self._dice = world, db_url, dice
        self._hours_passed = 0
        self._companies, self._hours = dice.randint(2, 10), dice.randint(1, 12)
        world.stripe.reset()
        world.stripe.heal()
        with self.sql() as sql:
            world.stripe.bulk(add_companies(sql, self._companies), METERS)
        self.add_usage(dice.randint(20, 400))

    @contextmanager
    def sql(self) -> Iterator[Connection]:
        with psycopg.connect(self.db_url, autocommit=True) as connection:
            yield connection

    def add_usage(self, rows: int) -> None:
        """Rows anywhere in the day; some of them negative, so that totals shrink too."""
        with self.sql() as sql, sql.cursor() as cursor:
            cursor.executemany(
                "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
                [self._row() for _ in range(rows)],
            )

    def _row(self) -> tuple[str, str, Decimal, datetime]:
        dice = self._dice
        meter = dice.choice((SUM, SUM, BY_HOUR, LAST))
        quantity = Decimal(dice.randint(-50 if dice.random() < 0.1 and meter != LAST else 1, 5000)) / 100
        moment = DAY + timedelta(hours=dice.randrange(self._hours), seconds=dice.randrange(3600))
        return f"co_{dice.randint(1, self._companies)}", meter, quantity, moment

    def let_a_day_pass(self) -> None:
        """For Stripe and for Postgres alike: Stripe's deduplication is over for all that was sent before."""
        self._hours_passed += 25
        self.world.stripe.clock(self._hours_passed * 3600)
        with self.sql() as sql:
            names = [name for (name,) in sql.execute(_INSTANTS_SQL)]
            earlier = ", ".join(f"{name} = {name} - interval '25 hours'" for name in names)
            sql.execute(f"update billing_export_items set {earlier}")
        self.end_leases()

    def end_leases(self) -> None:
        """As if every runner had been silent for a minute."""
        with self.sql() as sql:
            sql.execute("update billing_export_runners set expires_at = now()")
