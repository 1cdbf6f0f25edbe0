"""anon and authenticated can read, call and change nothing, whatever Supabase grants by default."""

import psycopg
import pytest
from support.postgrest import PostgrestDouble
from support.usage import Connection

from billing_cli.adapters.database.supabase import SupabaseDatabase
from billing_cli.domain.errors import Misconfigured

API_ROLES = ["anon", "authenticated"]
FUNCTIONS = "select oid::regprocedure::text from pg_proc where proname like 'billing\\_%' order by 1"
TABLES = "select oid::regclass::text from pg_class where relname like 'billing\\_%' and relkind in ('r', 'v', 'S')"


def test_the_catalogue_is_not_empty(sql: Connection) -> None:
    assert len(sql.execute(FUNCTIONS).fetchall()) >= 15
    assert len(sql.execute(TABLES).fetchall()) >= 8


@pytest.mark.parametrize("role", [*API_ROLES, "public"])
def test_no_function_may_be_called(role: str, sql: Connection) -> None:
    for (function,) in sql.execute(FUNCTIONS).fetchall():
        allowed = sql.execute("select has_function_privilege(%s, %s, 'execute')", (role, function)).fetchone()
        assert allowed == (False,), function


@pytest.mark.parametrize("role", API_ROLES)
def test_no_table_may_be_read_or_changed(role: str, sql: Connection) -> None:
    tables = [name for (name,) in sql.execute(TABLES + " and relkind <> 'S'").fetchall()]
    sql.execute(f"set role {role}")
    for table in tables:
        for statement in (f"select from {table}", f"delete from {table}", f"insert into {table} default values"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sql.execute(statement)


@pytest.mark.parametrize("role", API_ROLES)
def test_no_sequence_of_ours_may_be_used(role: str, sql: Connection) -> None:
    sequences = [name for (name,) in sql.execute(TABLES + " and relkind = 'S'").fetchall()]
    for sequence in sequences:
        allowed = sql.execute("select has_sequence_privilege(%s, %s, 'usage, select, update')", (role, sequence))
        assert allowed.fetchone() == (False,), sequence


@pytest.mark.parametrize("key", ["anon_key", "authenticated_key"])
def test_over_rest_nothing_answers(key: str, rest: PostgrestDouble) -> None:
    database = SupabaseDatabase(rest.url, getattr(rest, key))
    with pytest.raises(Misconfigured):
        database.call("billing_batches_list_v1", p_limit=1)
    database.close()


def test_every_table_of_ours_has_row_level_security(sql: Connection) -> None:
    open_tables = sql.execute(
        "select relname from pg_class where relname like 'billing\\_%' and relkind = 'r' and not relrowsecurity"
    )
    assert open_tables.fetchall() == []
