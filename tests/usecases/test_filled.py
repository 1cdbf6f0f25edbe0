"""A database that an older version filled, migrated: nothing is sent twice, and nothing is forgotten."""

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.usecases.migrations import apply_pending, pending, schema_status

from .conftest import Answer, Billing, asking

FILLED = Path(__file__).parents[1] / "sql" / "filled"
METERS: list[dict[str, Any]] = [
    {"event_name": "api_calls", "id": "mtr_api_calls"},
    {"event_name": "storage_gb", "id": "mtr_storage_gb"},
    {"event_name": "seats", "id": "mtr_seats", "formula": "last"},
]
CONFIG = '[meters.calls]\nevent_name = "api_calls"\n'
SENT = "/v1/billing/meter_events"

Totals = dict[tuple[str, str, int], Decimal]


def migrate(url: str) -> None:
    apply_pending(PostgresMigrator(url), "tester")


def run_the_script(url: str) -> None:
    """As another migration tool does it, in one transaction."""
    migrator = PostgresMigrator(url)
    with psycopg.connect(url) as connection:
        connection.execute(migrator.script(pending(migrator), "tester").encode())


@pytest.fixture(params=[migrate, run_the_script])
def filled(
    request: pytest.FixtureRequest,
    plain_db_url: str,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> str:
    """The URL of the older version's database, migrated, beside a Stripe that has what it sent."""
    load(plain_db_url)
    replay(plain_db_url, stripe)
    (tmp_path / "billing.toml").write_text(CONFIG)
    environment = wire_environment(plain_db_url, stripe.url) | {"BILLING_CONFIG": str(tmp_path / "billing.toml")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    upgrade: Callable[[str], None] = request.param
    upgrade(plain_db_url)
    assert {status.state for status in schema_status(PostgresMigrator(plain_db_url))} == {"applied"}
    return plain_db_url


@pytest.fixture
def sql(filled: str) -> Any:
    with psycopg.connect(filled, autocommit=True) as connection:
        yield connection


@pytest.fixture
def export(sql: Connection, capsys: pytest.CaptureFixture[str]) -> Billing:
    """Exports the window of the older version's exports."""
    billing = asking(capsys)
    (window,) = sql.execute("select window_start, window_end from filled").fetchall()
    start, end = (f"{bound:%Y-%m-%dT%H:%MZ}" for bound in window)

    def export(*options: str) -> Answer:
        answer = billing("export", "--start", start, "--end", end, "--confirm", *options)
        assert answer.code in (0, 3), answer  # 3: with rows that are held
        return answer

    return export


def load(url: str) -> None:
    """The older version's database, moved in time by whole hours, so that it was filled within the last hour."""
    migrations = [file for file in PostgresMigrator(url).files() if file.kind == "migration"]
    PostgresMigrator(url).apply([file for file in migrations if file.name < "migrations/0017"], "tester")
    with psycopg.connect(url) as connection:
        connection.execute("set timezone to 'UTC'")
        connection.execute(gzip.decompress((FILLED / "functions.sql.gz").read_bytes()))
        connection.execute((FILLED / "data.sql").read_bytes())
        # Each row of the audit log has its time in its hash, and was written anew just now.
        columns = connection.execute(
            "select c.oid::regclass::text, string_agg(format('%1$I = %1$I + by', attname), ', ') from pg_class c "
            "join pg_attribute a on a.attrelid = c.oid where relkind = 'r' and relnamespace = 'public'::regnamespace "
            "and atttypid = 'timestamptz'::regtype and relname not in ('billing_audit_log', "
            "'billing_schema_migrations') group by 1"
        ).fetchall()
        connection.execute(
            "create table moved as select date_bin('1 hour', now(), made_at) - made_at as by from filled"
        )
        for table, changes in columns:
            connection.execute(f"update {table} set {changes} from moved")


def replay(url: str, stripe: StripeDouble) -> None:
    """Sends the older version's events again, in their order and under their identifiers, to meters created before them."""
    stripe.clock(-30 * 86400)
    with psycopg.connect(url) as connection:
        customers = connection.execute("select distinct stripe_customer_id from billing_companies").fetchall()
        events = connection.execute(
            "select event_name, identifier, stripe_customer_id, value, extract(epoch from happened_at)::bigint, cancelled "
            "from stripe_events order by number"
        ).fetchall()
    stripe.bulk([{"id": customer} for (customer,) in customers], METERS)
    stripe.clock(0)
    client = stripe.client()
    for event_name, identifier, customer, value, timestamp, cancelled in events:
        client.v1.billing.meter_events.create(
            {
                "event_name": event_name,
                "identifier": identifier,
                "payload": {"stripe_customer_id": customer, "value": value},
                "timestamp": timestamp,
            }
        )
        if cancelled:
            stripe.forget_identifier(identifier, event_name)


def owed(sql: Connection) -> Totals:
    """By event name, customer and hour, what the usage table has; shares nothing with the program's own SQL."""
    rows = sql.execute(
        """
        with hours as (
          select case meter when 'calls' then 'api_calls' else meter end as event_name, company_id,
                 extract(epoch from date_trunc('hour', occurred_at))::bigint as hour,
                 case meter when 'seats' then (array_agg(quantity order by occurred_at desc))[1] else sum(quantity) end
                   as value
          from billing_usage_events group by meter, company_id, hour)
        select event_name, stripe_customer_id, hour, sum(value) from hours join billing_companies using (company_id)
        group by 1, 2, 3
        """
    ).fetchall()
    return {(event_name, customer, hour): total.normalize() for event_name, customer, hour, total in rows}


def billed(stripe: StripeDouble) -> Totals:
    """By event name, customer and hour, what Stripe's own summaries add up to."""
    events = stripe.events()
    totals: Totals = {}
    for event_name, customer in {(event["event_name"], event["customer"]) for event in events}:
        hours = {
            int(event["timestamp"]) // 3600 * 3600
            for event in events
            if (event["event_name"], event["customer"]) == (event_name, customer)
        }
        summaries = stripe.client().v1.billing.meters.event_summaries.list(
            f"mtr_{event_name}",
            {
                "customer": customer,
                "start_time": min(hours),
                "end_time": max(hours) + 3600,
                "value_grouping_window": "hour",
                "limit": 100,
            },
        )
        for summary in summaries.auto_paging_iter():
            if summary.start_time in hours:
                totals[event_name, customer, summary.start_time] = Decimal(str(summary.aggregated_value)).normalize()
    return totals


def of(customer: str, totals: Totals) -> Totals:
    return {key: total for key, total in totals.items() if key[1] == customer}


def without(customers: set[str], totals: Totals) -> Totals:
    return {key: total for key, total in totals.items() if key[1] not in customers}


def sent_identifiers(stripe: StripeDouble, since: int) -> list[str]:
    return [str(line["identifier"]) for line in stripe.log()[since:] if line["path"] == SENT]


def identifiers(sql: Connection, company: str, state: str | None = None) -> set[str]:
    rows = sql.execute(
        "select identifier from billing_export_items where company_id = %s and coalesce(state::text = %s, true)",
        (company, state),
    ).fetchall()
    return {row[0] for row in rows}


def states(sql: Connection, company: str) -> dict[str, int]:
    rows = sql.execute(
        "select state::text, count(*) from billing_export_items where company_id = %s group by 1", (company,)
    ).fetchall()
    return dict(rows)


def reasons(answer: Answer) -> set[str]:
    return set(answer.document["to_mend"])


def test_after_one_export_stripe_has_the_usage_of_every_receiver(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    export()
    apart = {"cus_5", "cus_6"}  # taken back, and ambiguous
    assert without(apart, billed(stripe)) == without(apart, owed(sql))


def test_a_second_export_sends_nothing(stripe: StripeDouble, export: Billing) -> None:
    export()
    before, calls = billed(stripe), len(stripe.log())
    again = export()
    assert (again.document["batches"], sent_identifiers(stripe, calls)) == ([], [])
    assert billed(stripe) == before


def test_an_hour_that_was_sent_whole_is_not_sent_again(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    """Of one company, of two companies or two usage meters with one receiver, and with late rows."""
    calls = len(stripe.log())
    customers = ("cus_1", "cus_2", "cus_4")
    before = [of(customer, billed(stripe)) for customer in customers]
    export()
    new = set(sent_identifiers(stripe, calls))
    rows = sql.execute(
        "select identifier from billing_export_items where stripe_customer_id = any(%s)", (list(customers),)
    ).fetchall()
    assert not new & {row[0] for row in rows}
    assert [of(customer, billed(stripe)) for customer in customers] == before


def test_the_open_batch_goes_on_under_its_identifiers(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    calls, old = len(stripe.log()), identifiers(sql, "stopped")
    assert set(states(sql, "stopped")) == {"pending", "sending"}
    answer = export()
    assert answer.document["batches"][0]["state"] == "done"
    assert states(sql, "stopped") == {"accepted": len(old)}
    sent = sent_identifiers(stripe, calls)
    assert {identifier for identifier in sent if identifier in old} == old
    assert identifiers(sql, "stopped") == old
    assert of("cus_8", billed(stripe)) == of("cus_8", owed(sql))


def test_ambiguous_events_stay_reserved(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    calls, before = len(stripe.log()), of("cus_6", billed(stripe))
    old = identifiers(sql, "doubtful")
    export()
    assert states(sql, "doubtful") == {"ambiguous": 2}
    assert (of("cus_6", billed(stripe)), old & set(sent_identifiers(stripe, calls))) == (before, set())


def test_what_was_taken_back_is_held_until_it_is_asked_for(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    answer = export()
    assert (answer.code, reasons(answer), of("cus_5", billed(stripe))) == (3, {"rolled_back"}, {})
    assert states(sql, "taken_back") == {"cancelled": 3}
    assert export("--resend-rolled-back").code == 0
    assert of("cus_5", billed(stripe)) == of("cus_5", owed(sql))


def test_what_stripe_refused_is_sent_anew(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    old = identifiers(sql, "refused", "rejected")
    export()
    assert states(sql, "refused") == {"rejected": 2, "accepted": 2}
    assert of("cus_7", billed(stripe)) == of("cus_7", owed(sql))
    assert not old & {event["identifier"] for event in stripe.events()}


def test_the_total_of_two_companies_replaces_that_of_the_last_one(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    """The older version sent a total for each of them, and Stripe kept one."""
    assert of("cus_3", billed(stripe)) != of("cus_3", owed(sql))
    export()
    assert of("cus_3", billed(stripe)) == of("cus_3", owed(sql))


def test_a_renamed_company_is_not_billed_again(sql: Connection, stripe: StripeDouble, export: Billing) -> None:
    before = of("cus_1", billed(stripe))
    for table in ("billing_companies", "billing_usage_events"):
        sql.execute(f"update {table} set company_id = 'renamed' where company_id = 'plain'".encode())
    export()
    assert of("cus_1", billed(stripe)) == before


def test_usage_whose_company_has_another_customer_now_is_held(
    sql: Connection, stripe: StripeDouble, export: Billing
) -> None:
    stripe.bulk([{"id": "cus_9"}], [])
    before = of("cus_1", billed(stripe))
    sql.execute("update billing_companies set stripe_customer_id = 'cus_9' where company_id = 'plain'")
    answer = export()
    assert "moved" in reasons(answer)
    assert (of("cus_1", billed(stripe)), of("cus_9", billed(stripe))) == (before, {})
