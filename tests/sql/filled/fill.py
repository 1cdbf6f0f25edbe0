"""Makes data.sql and functions.sql.gz: a database that an older version of billing filled by its own exports.

It runs in a checkout of that version, whose last migration is 0016:

    cd OLD && PYTHONPATH=.:tests python NEW/tests/sql/filled/fill.py

`data.sql` has the rows of every table of ours, the usage, and the meter events that Stripe got; `functions.sql.gz` has
that version's functions, which later versions no longer have. tests/usecases/test_filled.py loads both.
"""

import gzip
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from support.crash import KILLED, Step, run_billing
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.adapters.processes import _here
from billing_cli.sandbox import postgres
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.usecases.migrations import apply_pending

HERE = Path(__file__).parent
LAST = "migrations/0016_keep_last_try_of_intents.sql"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START, END = NOW - timedelta(hours=60), NOW - timedelta(hours=12)
EXPORT = ["--quiet", "export", f"--start={START:%Y-%m-%dT%H:%MZ}", f"--end={END:%Y-%m-%dT%H:%MZ}", "--confirm"]
METERS = [{"event_name": "api_calls"}, {"event_name": "storage_gb"}, {"event_name": "seats", "formula": "last"}]
# Two companies with one customer, twice; the other customers have one each.
CUSTOMERS = {
    "plain": "cus_1", "left": "cus_2", "right": "cus_2", "low": "cus_3", "high": "cus_3", "mapped": "cus_4",
    "taken_back": "cus_5", "doubtful": "cus_6", "refused": "cus_7", "stopped": "cus_8",
}  # fmt: skip
CONFIG = '[meters.calls]\nevent_name = "api_calls"\n'
TABLES = (
    "billing_companies", "billing_usage_events", "billing_export_batches", "billing_export_items",
    "billing_export_runners",
)  # fmt: skip


class World:
    """The database and the simulator of the older version, and its command line."""

    def __init__(self, connection: Connection, stripe: StripeDouble, environment: dict[str, str]) -> None:
        self.sql = connection
        self.stripe = stripe
        self._environment = environment

    def use(self, company: str, meter: str, hour: int, quantity: object, minute: int = 5) -> None:
        self.sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
            (company, meter, quantity, START + timedelta(hours=hour, minutes=minute)),
        )

    def billing(self, expected: int, words: Sequence[str], step: Step | None = None) -> None:
        code = run_billing(self._environment, list(words), step)
        assert code == expected, (words, code)

    def newest_batch(self) -> str:
        row = self.sql.execute("select batch_id from billing_export_batches order by opened_at desc limit 1").fetchone()
        assert row
        return str(row[0])

    def states(self, company: str) -> dict[str, int]:
        rows = self.sql.execute(
            "select state::text, count(*) from billing_export_items where company_id = %s group by 1", (company,)
        ).fetchall()
        return dict(rows)


def main() -> None:
    assert [file.name for file in PostgresMigrator("").files() if file.kind == "migration"][-1] == LAST
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        url = postgres.start(place / "postgres")
        simulator = start_simulator(place / "stripe")
        try:
            apply_pending(PostgresMigrator(url), "tester")
            config = place / "billing.toml"
            config.write_text(CONFIG)
            stripe = StripeDouble(simulator.url)
            environment = wire_environment(url, simulator.url) | {"BILLING_CONFIG": str(config)}
            with psycopg.connect(url, autocommit=True) as connection:
                fill(World(connection, stripe, environment))
                keep_stripe_events(connection, stripe)
                (HERE / "data.sql").write_text(dump(connection))
            functions = [file for file in PostgresMigrator("").files() if file.kind == "functions"]
            script = PostgresMigrator("").script(functions, "tester")
            (HERE / "functions.sql.gz").write_bytes(gzip.compress(script.encode(), mtime=0))
        finally:
            simulator.stop()
            postgres.remove(place / "postgres")


def fill(world: World) -> None:
    """One export after the other, each ended in its own way."""
    world.stripe.bulk([{"id": customer} for customer in sorted(set(CUSTOMERS.values()))], METERS)
    for company, customer in CUSTOMERS.items():
        world.sql.execute("insert into billing_companies values (%s, %s, %s)", (company, company.title(), customer))
    _leave_ambiguous(world)
    _send_with_late_rows(world)
    _take_back(world)
    _be_refused(world)
    _stop_halfway(world)


def _leave_ambiguous(world: World) -> None:
    """Killed after the first event; a day later another program's events hide which were counted."""
    for hour in (1, 2):
        world.use("doubtful", "api_calls", hour, 7 + hour)
    world.billing(KILLED, EXPORT, Step("send", "after", 1))
    world.sql.execute("update billing_export_items set first_sent_at = first_sent_at - interval '25 hours'")
    world.sql.execute("update billing_export_items set last_sent_at = last_sent_at - interval '25 hours'")
    for hour in (1, 2):
        world.stripe.send_as_another("cus_6", "3", int((START + timedelta(hours=hour)).timestamp()))
    world.billing(3, EXPORT)
    assert world.states("doubtful") == {"ambiguous": 2}


def _send_with_late_rows(world: World) -> None:
    """A batch that is done, and a second one for late rows of some of its hours."""
    for hour in range(3, 9):
        world.use("plain", "api_calls", hour, f"1.{hour}")
        world.use("plain", "storage_gb", hour, "0.25")
        world.use("left", "api_calls", hour, 10 + hour)
        world.use("right", "api_calls", hour, 100 + hour)
        world.use("low", "seats", hour, hour)
        world.use("high", "seats", hour, 50 + hour)
        world.use("mapped", "calls", hour, 20 + hour)
    world.use("mapped", "api_calls", 3, "0.5")
    world.billing(0, EXPORT)
    world.use("plain", "api_calls", 4, 40, minute=50)
    world.use("left", "api_calls", 5, 50, minute=50)
    world.use("low", "seats", 6, 33, minute=50)
    world.use("mapped", "calls", 7, 70, minute=50)
    world.billing(0, EXPORT)
    assert world.states("left") == {"accepted": 7}
    assert world.states("low") == {"accepted": 7}


def _take_back(world: World) -> None:
    for hour in range(3, 6):
        world.use("taken_back", "api_calls", hour, 300 + hour)
    world.billing(0, EXPORT)
    world.billing(0, ["--quiet", "batches", "rollback", world.newest_batch(), "--confirm"])
    assert world.states("taken_back") == {"cancelled": 3}


def _be_refused(world: World) -> None:
    for hour in (3, 4):
        world.use("refused", "api_calls", hour, 400 + hour)
    world.stripe.fault(kind="status", status=400, endpoint="/v1/billing/meter_events", probability=1)
    world.billing(3, [*EXPORT, "--company", "refused"])
    world.stripe.heal()
    assert world.states("refused") == {"rejected": 2}


def _stop_halfway(world: World) -> None:
    """Killed: some events were answered but not settled, others only claimed, the rest is pending."""
    for hour in range(48):
        world.use("stopped", "api_calls", hour, 500 + hour)
        world.use("stopped", "storage_gb", hour, f"0.{hour + 1}")
    world.billing(KILLED, [*EXPORT, "--company", "stopped"], Step("send", "after", 4))
    states = world.states("stopped")
    assert states["sending"] > 4 and states["pending"] > 4, states


def keep_stripe_events(connection: Connection, stripe: StripeDouble) -> None:
    """What Stripe took, in the order in which it came, as a table beside the others."""
    arrived = [line["identifier"] for line in stripe.log() if line.get("identifier") and line["status"] == 200]
    order = {identifier: number for number, identifier in enumerate(arrived)}
    connection.execute(
        "create table stripe_events (number bigint, identifier text, event_name text, stripe_customer_id text, "
        "value text, happened_at timestamptz, cancelled boolean)"
    )
    for event in stripe.events():
        connection.execute(
            "insert into stripe_events values (%s, %s, %s, %s, %s, to_timestamp(%s), false)",
            (order.get(event["identifier"], -1), event["identifier"], event["event_name"], event["customer"],
             event["value"], event["timestamp"]),
        )  # fmt: skip
    connection.execute(
        "insert into stripe_events select -1, identifier, event_name, stripe_customer_id, trim_scale(sent_value)::text, "
        "event_at, true from billing_export_items where state = 'cancelled'"
    )


def dump(connection: Connection) -> str:
    """The rows; when they were made, a little later, so that every lease has ended; and the audit log, to be sealed anew."""
    made_at = datetime.now(UTC) + timedelta(minutes=2)
    connection.execute("set timezone to 'UTC'")
    connection.execute("set datestyle to 'ISO'")
    parts = [
        "-- Made by fill.py.",
        "create table stripe_events (number bigint, identifier text, event_name text, stripe_customer_id text, "
        "value text, happened_at timestamptz, cancelled boolean);",
        f"create table filled as select {sql.quote(made_at.isoformat())}::timestamptz as made_at, "
        f"{sql.quote(START.isoformat())}::timestamptz as window_start, "
        f"{sql.quote(END.isoformat())}::timestamptz as window_end;",
    ]
    parts += [_inserts(connection, table) for table in (*TABLES, "stripe_events")]
    for table, column in (("billing_usage_events", "usage_event_id"), ("billing_export_items", "item_id")):
        parts.append(
            f"select setval(pg_get_serial_sequence('{table}', '{column}'), (select max({column}) from {table}));"
        )
    rows = connection.execute(
        "select format('select billing_audit_append_v1(%L, %L, %L, %L);', actor, action, subject, details) "
        "from billing_audit_log order by audit_id"
    )
    parts += [row[0] for row in rows]
    tables = connection.execute(
        "select relname from pg_class where relkind = 'r' and relname like 'billing\\_%'"
    ).fetchall()
    kept = {*TABLES, "billing_audit_log", "billing_schema_migrations"}
    left_out = [name for (name,) in tables if name not in kept and connection.execute(f"select from {name}").fetchall()]
    assert not left_out, left_out
    # A run names the machine that it was on.
    return "\n".join(parts).replace(_here(), "host/boot/namespace") + "\n"


def _inserts(connection: Connection, table: str) -> str:
    columns = [row[0] for row in connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
        "order by attnum", (table,),
    )]  # fmt: skip
    literals = " || ',' || ".join(f"quote_nullable({column})" for column in columns)
    rows = connection.execute(f"select {literals} from {table} order by {columns[0]}".encode()).fetchall()
    values = ",\n".join(f"({row[0]})" for row in rows)
    return f"insert into {table} ({', '.join(columns)}) overriding system value values\n{values};"


if __name__ == "__main__":
    os.umask(0o022)
    main()
