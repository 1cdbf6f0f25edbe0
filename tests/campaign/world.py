"""Where runs take place: a Postgres and a Stripe, a database for each run, and the passing of time."""

import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from os import kill
from pathlib import Path

import psycopg
from support.crash import Slept
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.sleep import let_a_day_pass
from support.stripe_control import StripeDouble
from support.supabase import ROLES, SUPABASE_DEFAULTS
from support.usage import Connection

from billing_cli.sandbox import postgres
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.wiring import migrate_database

TRANSPORTS = ("wire", "rest")
_TEMPLATE = "campaign_template"


class World:
    """Servers that may be restarted at any moment without anything else noticing."""

    def __init__(self, directory: Path, transport: str = "wire") -> None:
        self.transport = transport
        self._directory = directory / "postgres"
        self._simulator = start_simulator(directory / "stripe")
        self.stripe = StripeDouble(self._simulator.url)
        self._admin_url = postgres.start(self._directory)
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(f"create database {_TEMPLATE}")
            if transport == "rest":
                connection.execute(ROLES)
        if transport == "rest":
            with psycopg.connect(self._named(_TEMPLATE), autocommit=True) as connection:
                connection.execute(SUPABASE_DEFAULTS)
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


class Place:
    """One run's database, its Stripe, empty, and how its processes reach both. `slept` is their clock's."""

    def __init__(self, world: World, db_url: str, slept: Slept) -> None:
        self.world, self.db_url, self.slept, self.stripe = world, db_url, slept, world.stripe
        self._rest = PostgrestDouble(db_url) if world.transport == "rest" else None
        self.stripe.reset()
        self.stripe.heal()

    @property
    def environment(self) -> dict[str, str]:
        if self._rest:
            return rest_environment(self._rest.url, self._rest.service_key, self.stripe.url)
        return wire_environment(self.db_url, self.stripe.url)

    def close(self) -> None:
        if self._rest:
            self._rest.stop()

    def break_rest(self, faults: list[str]) -> None:
        """Faults of the next calls of functions."""
        if self._rest:
            self._rest.faults["*"] = list(faults)

    @contextmanager
    def sql(self) -> Iterator[Connection]:
        with psycopg.connect(self.db_url, autocommit=True) as connection:
            yield connection

    def let_a_day_pass(self) -> None:
        """For Stripe and Postgres alike: Stripe's deduplication is over for all that was sent before."""
        with self.sql() as sql:
            let_a_day_pass(sql, self.stripe, self.slept)

    def let_no_time_pass(self) -> None:
        """Others work while a process sleeps for a moment; its claims stay its own."""

    def end_leases(self) -> None:
        """As if every runner had been silent for a minute."""
        with self.sql() as sql:
            sql.execute("update billing_export_runners set expires_at = now()")
            sql.execute("update billing_intents set claimed_until = now() where claimed_until > now()")
