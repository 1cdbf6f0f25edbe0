"""The migrator and the doctor look at what our files create, and leave everything else in `public` alone."""

import psycopg
import pytest
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator, sql_files
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.migrations import FUNCTIONS
from billing_cli.domain.ours import ours
from billing_cli.usecases.migrations import apply_pending

APPLICATIONS = """
create table public.billing_plans_cache (id int);
create function public.billing_greet_v1() returns int language sql as 'select 1';
grant all on public.billing_plans_cache to public;
"""
PARTITIONED = """
create table public.billing_usage_events (
  usage_event_id bigint, company_id text, meter text, quantity numeric, occurred_at timestamptz,
  recorded_at timestamptz default now(), source_id text) partition by range (occurred_at);
create table public.billing_usage_events_2026_11 partition of public.billing_usage_events
  for values from ('2026-11-01Z') to ('2026-12-01Z');
grant all on public.billing_usage_events_2026_11 to public;
"""


def privileges(connection: Connection) -> object:
    return connection.execute(
        "select c.relname, c.relacl::text, c.relrowsecurity from pg_class c "
        "where c.relname in ('billing_plans_cache', 'billing_usage_events_2026_11') order by 1"
    ).fetchall()


def doors(url: str) -> dict[str, list[str]]:
    database = PostgresDatabase(url)
    found: dict[str, list[str]] = database.call("billing_doctor_doors_v2", p_names=ours(sql_files()).document())
    database.close()
    return found


def test_the_list_has_everything_that_the_files_made(sql: Connection) -> None:
    names = ours(sql_files())
    tables = sql.execute(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
        "and relname not in ('billing_companies', 'billing_usage_events', 'billing_payments', 'billing_invoices') "
        "order by 1"
    )
    assert [row[0] for row in tables] == list(names.relations)
    functions = sql.execute(
        "select distinct proname::text from pg_proc where pronamespace = 'public'::regnamespace order by 1"
    )
    assert [row[0] for row in functions] == list(names.functions)


@pytest.mark.parametrize("made_first", [True, False])
def test_objects_of_the_application_are_left_alone(made_first: bool, plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        connection.execute(PARTITIONED.encode())
        if made_first:
            connection.execute(APPLICATIONS.encode())
        apply_pending(PostgresMigrator(plain_db_url), "tests")
        if not made_first:
            connection.execute(APPLICATIONS.encode())
            connection.execute("delete from billing_schema_migrations where kind = %s", (FUNCTIONS,))
            apply_pending(PostgresMigrator(plain_db_url), "tests")
        before = privileges(connection)
        found = doors(plain_db_url)
        assert (found["functions"], found["ours"], found["theirs"], found["without_rls"]) == ([], [], [], [])
        assert privileges(connection) == before
        assert connection.execute("select has_table_privilege('anon', 'billing_plans_cache', 'select')").fetchone() == (
            True,
        )


@pytest.mark.parametrize(
    ("clash", "named"),
    [
        ("create table public.billing_intents (id int)", "table public.billing_intents"),
        ("create view public.billing_webhooks as select 1 as id", "table public.billing_webhooks"),
        ("create type public.billing_intent_kind as enum ('x')", "type public.billing_intent_kind"),
        (
            "create function public.billing_timeline_v2(a int) returns int language sql as 'select 1'",
            "function public.billing_timeline_v2",
        ),
    ],
)
def test_a_name_that_is_taken_is_named_before_anything_is_applied(clash: str, named: str, plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        connection.execute(clash.encode())
        with pytest.raises(Misconfigured, match=named):
            apply_pending(PostgresMigrator(plain_db_url), "tests")
        assert connection.execute("select to_regclass('billing_schema_migrations')").fetchone() == (None,)
