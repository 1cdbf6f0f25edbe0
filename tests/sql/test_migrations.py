"""Migrations: once and in order, functions when they change, never over an edited past."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.cli.app import run
from billing_cli.domain.errors import Fault, LockHeld, Misconfigured
from billing_cli.domain.migrations import FUNCTIONS, MIGRATION, SqlFile, file_statuses, pending_files
from billing_cli.usecases.migrations import apply_pending, schema_status

FILES = PostgresMigrator("").files()
MIGRATIONS = {file.name[len("migrations/") :][:4]: file for file in FILES if file.kind == MIGRATION}
BY_RECEIVER = "billing_export_items_by_receiver"


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


@pytest.mark.parametrize(
    "change",
    [
        "drop function billing_batches_list_v1",
        "create or replace function billing_batches_list_v1(p_limit int default 20) returns jsonb language sql as "
        "$$ select '\"mine\"'::jsonb $$",
    ],
)
def test_a_function_that_was_dropped_or_replaced_is_found_and_put_back(change: str, db_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute(change.encode())
        found = [status.name for status in schema_status(PostgresMigrator(db_url)) if status.state == "changed"]
        assert found == ["functions/batch.sql"]
        assert [file.name for file in apply_pending(PostgresMigrator(db_url), "tester")] == found
        assert states(db_url) == {"applied"}
        assert connection.execute("select billing_batches_list_v1()").fetchone() == ([],)


def test_an_overload_of_the_application_is_not_a_change(db_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as connection:
        connection.execute("create function billing_batches_list_v1(a text, b text) returns int language sql return 1")
    assert states(db_url) == {"applied"}


def test_an_old_server_is_refused_before_anything_is_applied(
    plain_db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresMigrator, "server_version", lambda _: 140011)
    with pytest.raises(Misconfigured, match="Postgres 14 is older than 15"):
        apply_pending(PostgresMigrator(plain_db_url), "tester")
    with psycopg.connect(plain_db_url) as connection:
        assert connection.execute("select to_regclass('billing_schema_migrations')").fetchone() == (None,)


def test_a_file_for_supabases_folder_is_named_as_its_tool_needs_and_does_the_same(
    plain_db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", plain_db_url)
    assert run(["db", "migrate", "--print-to", str(tmp_path)]) == 0
    (file,) = tmp_path.iterdir()
    # https://supabase.com/docs/guides/deployment/database-migrations
    assert re.fullmatch(r"\d{14}_[a-z_]+\.sql", file.name)
    with psycopg.connect(plain_db_url) as connection:
        connection.execute(file.read_bytes())
    assert states(plain_db_url) == {"applied"}
    assert run(["db", "migrate", "--print-to", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == [file]


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


def migrate_to(url: str, last: str) -> None:
    """Every migration up to the one with this number, and a batch."""
    PostgresMigrator(url).apply([file for number, file in MIGRATIONS.items() if number <= last], "tester")
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into billing_export_batches "
            "(batch_id, stripe_account_id, livemode, window_start, window_end, plan_digest, lines_hash, actor) "
            "values ('b', 'acct_1', false, '2026-10-01Z', '2026-11-01Z', 'd', 'h', 'tests')"
        )


def insert_item(connection: Connection, number: int) -> None:
    connection.execute(
        "insert into billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start, "
        "quantity, usage_rows, stripe_customer_id, event_name, customer_key, value_key, sent_value, event_at, "
        "identifier) values ('b', 'acct_1', false, 'co_1', 'api_calls', '2026-10-01Z', 1, 1, 'cus_1', 'api_calls', "
        "'customer', 'value', 1, '2026-10-01Z', %s)",
        (f"b-{number}",),
    )


def indexes(connection: Connection) -> dict[str, bool]:
    """Of the items: whether each is valid."""
    found = connection.execute(
        "select indexrelid::regclass::text, indisvalid from pg_index "
        "where indrelid = 'billing_export_items'::regclass and indexrelid::regclass::text ~ 'by_bucket|receiver|lowering'"
    ).fetchall()
    return dict(found)


def outside(*statements: str) -> SqlFile:
    text = ";\n".join(("-- Outside a transaction: a test.\n" + statements[0], *statements[1:])) + ";\n"
    return SqlFile("migrations/9999_outside.sql", MIGRATION, text)


def test_each_statement_of_a_file_outside_a_transaction_stands_by_itself(db_url: str) -> None:
    halfway = outside("create index concurrently billing_x on billing_audit_log (actor)", "select 1/0")
    with pytest.raises(Fault, match=r"sql/migrations/9999_outside\.sql was not applied to its end") as caught:
        PostgresMigrator(db_url).apply([halfway], "tester")
    assert "billing db migrate --confirm" in caught.value.next_step
    with psycopg.connect(db_url) as connection:
        assert connection.execute("select to_regclass('billing_x')::text").fetchone() == ("billing_x",)
        assert connection.execute("select from billing_schema_migrations where name ~ '9999'").fetchall() == []


def test_an_index_whose_build_was_interrupted_is_built_anew(plain_db_url: str) -> None:
    migrate_to(plain_db_url, "0017")
    migrator = PostgresMigrator(plain_db_url)
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        insert_item(connection, 1)
        insert_item(connection, 2)
        # A build that fails at its end leaves the index behind, invalid.
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(f"create unique index concurrently {BY_RECEIVER} on billing_export_items (batch_id)")
        assert indexes(connection) == {"billing_export_items_by_bucket": True, BY_RECEIVER: False}
        migrator.apply([MIGRATIONS["0018"]], "tester")
        assert indexes(connection) == {BY_RECEIVER: True, "billing_export_items_lowering": True}
        assert MIGRATIONS["0018"].name in migrator.applied()
        # Interrupted between the last statement and its record.
        connection.execute("delete from billing_schema_migrations where name = %s", (MIGRATIONS["0018"].name,))
        migrator.apply([MIGRATIONS["0018"]], "tester")
        assert indexes(connection) == {BY_RECEIVER: True, "billing_export_items_lowering": True}


def test_exports_go_on_while_an_index_is_built(plain_db_url: str) -> None:
    migrate_to(plain_db_url, "0017")
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(plain_db_url) as export,
        psycopg.connect(plain_db_url, autocommit=True) as another,
    ):
        insert_item(export, 1)
        migration = threads.submit(PostgresMigrator(plain_db_url).apply, [MIGRATIONS["0018"]], "tester")
        until_waiting(another, "create index concurrently%")
        for connection, number in ((export, 2), (another, 3)):
            connection.execute("set lock_timeout = '1s'")
            insert_item(connection, number)
        another.execute("update billing_export_items set state = 'sending', claimed_by = 'r' where identifier = 'b-3'")
        assert not migration.done()
        export.commit()
        migration.result(30)
        assert indexes(another) == {BY_RECEIVER: True, "billing_export_items_lowering": True}


def test_a_build_waits_longer_for_transactions_than_a_lock_is_waited_for(
    plain_db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.adapters.database.migration_locks.LOCK_TIMEOUT_S", 0.1)
    migrate_to(plain_db_url, "0017")
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(plain_db_url) as export,
        psycopg.connect(plain_db_url, autocommit=True) as another,
    ):
        insert_item(export, 1)
        migration = threads.submit(PostgresMigrator(plain_db_url).apply, [MIGRATIONS["0018"]], "tester")
        until_waiting(another, "create index concurrently%")
        time.sleep(0.3)
        export.commit()
        migration.result(30)
        assert indexes(another)[BY_RECEIVER]


def test_a_migration_gives_way_to_exports_behind_a_long_transaction(
    plain_db_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("billing_cli.adapters.database.migration_locks.LOCK_TIMEOUT_S", 0.5)
    monkeypatch.setenv("SUPABASE_DB_URL", plain_db_url)
    migrate_to(plain_db_url, "0016")
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(plain_db_url) as long,
        psycopg.connect(plain_db_url, autocommit=True) as export,
    ):
        export.execute("set lock_timeout = '5s'")
        long.execute("select count(*) from billing_export_items")
        migration = threads.submit(run, ["db", "migrate", "--confirm"])
        until_waiting(export, "%alter table public.billing_export_items%")
        insert_item(export, 1)  # behind the migration, until that gives up
        assert migration.result(30) == 75
        said = " ".join(capsys.readouterr().err.split())
        assert "sql/migrations/0017_know_receivers.sql was not applied: another transaction holds a lock" in said
        assert f"(process {long.info.backend_pid}, " in said
        assert "select count(*) from billing_export_items" in said
        assert "billing db migrate --confirm" in said
        assert MIGRATIONS["0017"].name not in PostgresMigrator(plain_db_url).applied()
        long.rollback()
        assert run(["db", "migrate", "--confirm"]) == 0
    assert states(plain_db_url) == {"applied"}


def test_a_backup_that_holds_the_ledger_is_named_as_such(plain_db_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump holds every table until it has ended."""
    monkeypatch.setattr("billing_cli.adapters.database.migration_locks.LOCK_TIMEOUT_S", 0.1)
    migrate_to(plain_db_url, "0016")
    with psycopg.connect(plain_db_url) as backup:
        backup.execute("lock table billing_schema_migrations in access share mode")
        with pytest.raises(LockHeld, match="billing_schema_migrations was not read: another transaction holds a lock"):
            apply_pending(PostgresMigrator(plain_db_url), "tester")


def until_waiting(connection: Connection, query: str) -> None:
    """Until a statement like this waits for a lock."""
    for _ in range(500):
        waiting = connection.execute(
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' "
            "and query ilike %s",
            (query,),
        )
        if waiting.fetchall():
            return
        time.sleep(0.02)
    pytest.fail(f"{query} does not wait")
