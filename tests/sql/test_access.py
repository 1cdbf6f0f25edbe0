"""anon and authenticated can read, call and change nothing, whatever Supabase grants by default."""

import httpx
import psycopg
import pytest
from support.postgrest import PostgrestDouble
from support.usage import Connection

API_ROLES = ["anon", "authenticated"]
# All of schema public, not our prefix only: the template holds nothing but what our files made.
FUNCTIONS = """
select p.oid::regprocedure::text, p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'), t.typname = 'trigger',
  (select string_agg(format('null::%s', format_type(u.oid, null)), ', ' order by n)
   from unnest(p.proargtypes) with ordinality u(oid, n))
from pg_proc p join pg_type t on t.oid = p.prorettype where p.pronamespace = 'public'::regnamespace order by 1
"""
RELATIONS = """
select c.oid::regclass::text, c.relkind::text,
  (select min(attname::text) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '')
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') order by 1
"""


def tables(sql: Connection) -> list[tuple[str, str]]:
    return [(name, column) for name, kind, column in sql.execute(RELATIONS).fetchall() if kind != "S"]


def test_the_catalogue_is_not_empty(sql: Connection) -> None:
    assert len(sql.execute(FUNCTIONS).fetchall()) >= 15
    assert len(tables(sql)) >= 8


@pytest.mark.parametrize("role", [*API_ROLES, "public"])
def test_nothing_is_granted(role: str, sql: Connection) -> None:
    for function, *_ in sql.execute(FUNCTIONS).fetchall():
        allowed = sql.execute("select has_function_privilege(%s, %s, 'execute')", (role, function)).fetchone()
        assert allowed == (False,), function
    for relation, kind, _ in sql.execute(RELATIONS).fetchall():
        what, rights = ("sequence", "usage, select, update") if kind == "S" else ("table", "references, trigger")
        query = f"select has_{what}_privilege(%s, %s, %s)"
        assert sql.execute(query, (role, relation, rights)).fetchone() == (False,), relation
        if kind != "S":
            columns = "select has_any_column_privilege(%s, %s, 'select, insert, update, references')"
            assert sql.execute(columns, (role, relation)).fetchone() == (False,), relation


@pytest.mark.parametrize("role", API_ROLES)
def test_no_function_can_be_called(role: str, sql: Connection) -> None:
    functions = sql.execute(FUNCTIONS).fetchall()
    sql.execute(f"set role {role}")
    for _, name, _, _, nulls in functions:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute(f"select public.{name}({nulls or ''})")


@pytest.mark.parametrize("role", API_ROLES)
def test_no_table_can_be_read_or_changed(role: str, sql: Connection) -> None:
    found = tables(sql)
    sql.execute(f"set role {role}")
    for table, column in found:
        for statement in (
            f"select from {table}",
            f"insert into {table} default values",
            f"update {table} set {column} = null",
            f"delete from {table}",
            f"truncate {table}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sql.execute(statement)


@pytest.mark.parametrize("role", API_ROLES)
def test_nothing_can_be_created_beside_ours(role: str, sql: Connection) -> None:
    sql.execute(f"set role {role}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql.execute("create table public.billing_mine (id int)")


@pytest.mark.parametrize(("key", "status"), [("anon_key", 401), ("authenticated_key", 403)])
def test_over_rest_no_function_answers(key: str, status: int, rest: PostgrestDouble, sql: Connection) -> None:
    token = getattr(rest, key)
    with httpx.Client(headers={"apikey": token, "Authorization": f"Bearer {token}"}) as client:
        for function, name, arguments, is_trigger, _ in sql.execute(FUNCTIONS).fetchall():
            answer = client.post(f"{rest.url}/rest/v1/rpc/{name}", json=dict.fromkeys(arguments))
            # PostgREST does not know trigger functions at all.
            expected = (404, "PGRST202") if is_trigger else (status, "42501")
            assert (answer.status_code, answer.json()["code"]) == expected, function


def test_the_service_role_can_call_what_the_tool_calls(sql: Connection) -> None:
    sql.execute("set role service_role")
    assert sql.execute("select public.billing_batches_list_v1()").fetchone() == ([],)


def test_every_table_of_ours_has_row_level_security(sql: Connection) -> None:
    open_tables = sql.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace "
        "and relkind in ('r', 'p') and not relrowsecurity"
    )
    assert open_tables.fetchall() == []


def test_no_view_of_ours_lends_its_owners_rights(sql: Connection) -> None:
    lending = sql.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' "
        "and not coalesce(reloptions::text like '%security_invoker=true%', false)"
    )
    assert lending.fetchall() == []
