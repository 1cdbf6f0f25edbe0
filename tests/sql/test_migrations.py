"""Migrations: once and in order, functions when they change, never over an edited past."""

from dataclasses import replace

import psycopg
import pytest

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.domain.errors import Fault, LockHeld, Misconfigured
from billing_cli.domain.migrations import FUNCTIONS, SqlFile, file_statuses, pending_files
from billing_cli.usecases.migrations import apply_pending, schema_status

FILES = PostgresMigrator("").files()


def states(url: str) -> set[str]:
    return {status.state for status in schema_status(PostgresMigrator(url))}


def test_a_fresh_database_gets_everything_and_a_second_run_nothing(plain_db_url: str) -> None:
    assert states(plain_db_url) == {"pending"}
    assert apply_pending(PostgresMigrator(plain_db_url), "tester") == FILES
    assert states(plain_db_url) == {"applied"}
    assert apply_pending(PostgresMigrator(plain_db_url), "tester") == []


def test_the_printed_script_does_the_same(plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url) as connection:
        connection.execute(PostgresMigrator(plain_db_url).script(FILES, "tester").encode())
    assert states(plain_db_url) == {"applied"}


def test_the_printed_script_leaves_no_door_open_on_supabase(plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        connection.execute(
            "grant usage on schema public to anon;"
            "alter default privileges in schema public grant all on tables to anon;"
            "alter default privileges in schema public grant all on functions to anon;"
        )
        connection.execute(PostgresMigrator(plain_db_url).script(FILES, "tester").encode())
        connection.execute("set role anon")
        for statement in ("select from billing_usage_events", "select billing_batches_list_v1()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_relations_of_the_deployment_are_left_alone(plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url) as connection:
        connection.execute("create table accounts (id text, cus text)")
        connection.execute(
            "create view billing_companies as "
            "select id as company_id, id as name, cus as stripe_customer_id, null::text as plan_id from accounts"
        )
    apply_pending(PostgresMigrator(plain_db_url), "tester")
    with psycopg.connect(plain_db_url) as connection:
        row = connection.execute("select relkind::text from pg_class where relname = 'billing_companies'").fetchone()
    assert row == ("v",)


def test_an_edited_migration_is_refused() -> None:
    applied = {file.name: file.checksum for file in FILES}
    edited = [replace(FILES[0], text="-- changed"), *FILES[1:]]
    assert file_statuses(edited, applied)[0].state == "edited"
    with pytest.raises(Misconfigured, match="edited after it was applied"):
        pending_files(edited, applied)


def test_changed_functions_are_applied_again() -> None:
    applied = {file.name: file.checksum for file in FILES}
    changed = [*FILES[:-1], replace(FILES[-1], text=FILES[-1].text + "-- changed")]
    assert pending_files(changed, applied) == changed[-1:]


def test_a_newer_database_is_refused() -> None:
    applied = {file.name: file.checksum for file in FILES} | {"migrations/9999_from_the_future.sql": "x"}
    with pytest.raises(Misconfigured, match="this version does not"):
        pending_files(FILES, applied)


def test_a_database_that_knows_another_text_is_refused_and_left_alone(db_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("update billing_schema_migrations set checksum = 'x' where name = %s", (FILES[0].name,))
        with pytest.raises(Misconfigured, match="edited after it was applied"):
            apply_pending(PostgresMigrator(db_url), "tester")
        found = connection.execute("select checksum from billing_schema_migrations where name = %s", (FILES[0].name,))
        assert found.fetchone() == ("x",)


def test_a_database_of_a_later_version_is_refused(db_url: str) -> None:
    with psycopg.connect(db_url) as connection:
        connection.execute(
            "insert into billing_schema_migrations values ('migrations/9999_later.sql', 'migration', 'x', now(), 'me')"
        )
    with pytest.raises(Misconfigured, match="this version does not"):
        apply_pending(PostgresMigrator(db_url), "tester")


def test_functions_of_an_older_version_are_replaced(db_url: str) -> None:
    with psycopg.connect(db_url) as connection:
        connection.execute("update billing_schema_migrations set checksum = 'x' where name = 'functions/batch.sql'")
        connection.execute(
            "create or replace function billing_batches_list_v1(p_limit int default 20) returns jsonb "
            "language sql as $$ select '\"old\"'::jsonb $$"
        )
    assert [file.name for file in apply_pending(PostgresMigrator(db_url), "tester")] == ["functions/batch.sql"]
    assert states(db_url) == {"applied"}
    with psycopg.connect(db_url) as connection:
        assert connection.execute("select billing_batches_list_v1()").fetchone() == ([],)
        by = connection.execute("select applied_by from billing_schema_migrations where name = 'functions/batch.sql'")
        assert by.fetchone() == ("tester",)


def test_two_migrations_at_once_are_refused(plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url) as connection:
        connection.execute("select pg_advisory_lock(hashtext('billing_schema_migrations'))")
        with pytest.raises(LockHeld):
            apply_pending(PostgresMigrator(plain_db_url), "tester")


def test_a_function_open_to_everyone_is_rolled_back(db_url: str) -> None:
    careless = SqlFile(
        "functions/careless.sql",
        FUNCTIONS,
        "create function public.billing_careless_v1() returns int language sql as 'select 1'",
    )
    with pytest.raises(Fault, match="careless"):
        PostgresMigrator(db_url).apply([careless], "tester")
    with psycopg.connect(db_url) as connection:
        assert connection.execute("select to_regproc('public.billing_careless_v1')").fetchone() == (None,)


def test_a_file_that_fails_leaves_nothing_of_itself(plain_db_url: str) -> None:
    broken = SqlFile("migrations/0001_broken.sql", "migration", "create table billing_x (id int); select 1/0;")
    with pytest.raises(Fault):
        PostgresMigrator(plain_db_url).apply([broken], "tester")
    with psycopg.connect(plain_db_url) as connection:
        assert connection.execute("select to_regclass('public.billing_x')").fetchone() == (None,)


@pytest.mark.parametrize(
    "body", ["select 1::float8 = 'x'::uuid", "select nothing from billing_batch", "select true::uuid"]
)
def test_a_file_that_postgres_does_not_take_is_no_reason_to_migrate_again(body: str, db_url: str) -> None:
    broken = SqlFile("functions/broken.sql", FUNCTIONS, f"{body};")
    with pytest.raises(Fault, match=r"sql/functions/broken\.sql was not applied: ") as caught:
        PostgresMigrator(db_url).apply([broken], "tester")
    assert "Nothing of this file was written." in caught.value.next_step
    assert "billing db" not in caught.value.message + caught.value.next_step


def test_a_table_open_to_an_api_role_is_rolled_back(db_url: str) -> None:
    careless = SqlFile("migrations/9999_careless.sql", "migration", "create table public.billing_careless (id int)")
    with pytest.raises(Fault, match="billing_careless"):
        PostgresMigrator(db_url).apply([careless], "tester")
    with psycopg.connect(db_url) as connection:
        assert connection.execute("select to_regclass('public.billing_careless')").fetchone() == (None,)
