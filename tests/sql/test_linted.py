"""The rules of Supabase's database linter that concern us, and plpgsql_check where a Postgres with it is installed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.ports import free_port
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.sandbox.unprivileged import server_account
from billing_cli.usecases.migrations import apply_pending

# SQL functions that only read are inlined into ours that call them, with an empty search_path; a setting of their own
# would prevent that. They qualify every name: migrations and callers run them so.
_INLINED = "p.prolang = (select oid from pg_language where lanname = 'sql') and p.provolatile <> 'v'"
# A foreign key without an index carries a comment why. https://supabase.com/docs/guides/database/database-advisors, by its names.
RULES = {
    "function_search_path_mutable": f"""
        select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'public'::regnamespace
        and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')
        and not ({_INLINED})""",
    "security_definer": """
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.prosecdef""",
    "rls_disabled_in_public": """
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity""",
    "policy_exists": "select polname::text from pg_policy",
    "no_primary_key": """
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)""",
    "unindexed_foreign_keys": """
        select format('%s.%s', k.conrelid::regclass, k.conname) from pg_constraint k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
        and obj_description(k.oid, 'pg_constraint') is null
        and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indpred is null
                        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] operator(pg_catalog.@>) k.conkey)""",
    "duplicate_index": """
        select min(i.indexrelid::regclass::text) from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'public'::regnamespace
        group by i.indrelid, i.indkey::text, i.indclass::text, pg_get_expr(i.indpred, i.indrelid),
          pg_get_expr(i.indexprs, i.indrelid), i.indoption::text having count(*) > 1""",
    "invalid_index": "select indexrelid::regclass::text from pg_index where not indisvalid",
}
CHECKED = Path("/usr/lib/postgresql/15/lib/plpgsql_check.so")
PROBLEMS = """
select p.oid::regprocedure::text, c.lineno, c.level, c.message, c.detail
from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
cross join lateral plpgsql_check_function_tb(
  p.oid, relid => coalesce((select tgrelid from pg_trigger where tgfoid = p.oid limit 1), 0)) c
where p.pronamespace = 'public'::regnamespace and p.proname like 'billing%' and c.level in ('error', 'warning')
"""


@pytest.mark.parametrize("rule", RULES)
def test_no_object_breaks_the_rule(rule: str, sql: Connection) -> None:
    assert [row[0] for row in sql.execute(RULES[rule].encode()).fetchall()] == []


@pytest.mark.skipif(not CHECKED.exists(), reason="Postgres 15 with plpgsql_check is not installed")
def test_plpgsql_check_finds_nothing(postgres_15: str) -> None:
    apply_pending(PostgresMigrator(postgres_15), "tests")
    with psycopg.connect(postgres_15, autocommit=True) as connection:
        connection.execute("create extension plpgsql_check")
        assert connection.execute(PROBLEMS).fetchall() == []


@pytest.fixture
def postgres_15(tmp_path: Path) -> Iterator[str]:
    """Debian's Postgres 15, the oldest that is supported, empty; its address."""
    account, home, port = server_account(), tmp_path / "data", free_port()
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    programs = CHECKED.parents[1] / "bin"

    def run(program: str, *options: str) -> None:
        subprocess.run(
            [str(programs / program), "-D", str(home), *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
        )

    run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "-w", "-o", settings, "-l", str(tmp_path / "log"), "start")
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-m", "immediate", "stop")
