"""Applies our SQL files over the wire: one transaction a file if it allows one, a checksum for each."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from typing import Any

import psycopg
from psycopg import sql

from billing_cli.adapters.database.connection_errors import connection_error
from billing_cli.adapters.database.errors import domain_error
from billing_cli.adapters.database.migration_locks import Connection, locked
from billing_cli.adapters.database.postgres import connect
from billing_cli.adapters.sql_files import sql_root
from billing_cli.domain.deployment import FoundRelation, relations_found
from billing_cli.domain.errors import DoesNotFit, Fault
from billing_cli.domain.masking import without_secrets
from billing_cli.domain.migrations import FUNCTIONS, MIGRATION, SqlFile
from billing_cli.domain.ours import Names, ours

LEDGER_SQL = """\
create table if not exists public.billing_schema_migrations (
  name text primary key, kind text not null, checksum text not null,
  applied_at timestamptz not null default now(), applied_by text not null);
alter table public.billing_schema_migrations enable row level security;
revoke all on public.billing_schema_migrations from public;
do $$ declare api_role text; begin
  for api_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on public.billing_schema_migrations from %I', api_role);
  end loop;
end $$;
"""
_OPEN_FUNCTIONS_SQL = r"""
select p.oid::regprocedure::text from pg_proc p
where p.pronamespace = 'public'::regnamespace and p.proname = any (%s)
  and (exists (select from pg_roles r where r.rolname in ('anon', 'authenticated')
               and has_function_privilege(r.oid, p.oid, 'execute'))
       or has_function_privilege('public', p.oid, 'execute'))
"""
_OPEN_TABLES_SQL = r"""
select c.oid::regclass::text from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relname = any (%s) and c.relkind in ('r', 'p', 'v', 'm')
  and exists (
    select from (select rolname::text from pg_roles where rolname in ('anon', 'authenticated')
                 union all select 'public') r(name)
    where has_table_privilege(r.name, c.oid, 'select, insert, update, delete, truncate'))
"""
# Relations, types and functions. Any relation takes the name of a table.
_EXISTING_SQL = (
    "select array(select relname::text from pg_class where relnamespace = 'public'::regnamespace "
    "and relname = any (%s) order by 1)",
    "select array(select typname::text from pg_type where typnamespace = 'public'::regnamespace "
    "and typname = any (%s) order by 1)",
    "select array(select distinct proname::text from pg_proc where pronamespace = 'public'::regnamespace "
    "and proname = any (%s) order by 1)",
)
_BODIES_SQL = """
select proname::text, array_agg(md5(convert_to(prosrc, 'UTF8'))) from pg_proc
where pronamespace = 'public'::regnamespace and proname = any (%s) group by 1
"""


def sql_files() -> list[SqlFile]:
    """Migrations in order, then functions; from the checkout, or from the installed package."""
    root = sql_root()
    return [*_read(root, "migrations", MIGRATION), *_read(root, "functions", FUNCTIONS)]


class PostgresMigrator:
    """The migrations' side of a database. Opens its own connection for every call."""

    def __init__(self, url: str) -> None:
        self._url = url

    def files(self) -> list[SqlFile]:
        return sql_files()

    def applied(self) -> dict[str, str]:
        """Name to checksum of what the database has; empty where we never were."""
        with self._connected() as connection:
            return _applied(connection)

    def relations(self) -> dict[str, FoundRelation]:
        """The relations of the database that are ours or the deployment's; works before any migration."""
        with self._connected() as connection, connection.transaction():
            connection.execute("set local search_path = ''")
            return relations_found(_scalar(connection, _relations_sql()))

    def server_version(self) -> int:
        """As server_version_num: 150004 is 15.4."""
        with self._connected() as connection:
            return connection.info.server_version

    def existing(self, names: Names) -> Names:
        """Those of the names that `public` has; works before any migration."""
        with self._connected() as connection:
            wanted = (names.relations, names.types, names.functions)
            pairs = zip(_EXISTING_SQL, wanted, strict=True)
            return Names(*(tuple(_scalar(connection, query, [list(each)])) for query, each in pairs))

    def bodies(self, functions: Collection[str]) -> dict[str, list[str]]:
        """Name to the MD5 of each overload's body; works before any migration."""
        with self._connected() as connection:
            return dict(connection.execute(_BODIES_SQL, [list(functions)]).fetchall())

    def apply(self, files: list[SqlFile], actor: str) -> None:
        """Applies files in order, each in its own transaction if it allows one.

        Raises LockHeld if another run does, or if a transaction keeps a table for longer than a migration waits.
        """
        with self._connected() as connection:
            with locked(connection, "billing_schema_migrations was not read"):
                connection.execute(LEDGER_SQL)
            for file in files:
                if file.transactional:
                    self._apply(connection, file, actor)
                else:
                    self._apply_outside(connection, file, actor)
            # PostgREST reloads its schema cache; without PostgREST, the notification has no effect.
            connection.execute("notify pgrst, 'reload schema'")

    def _apply(self, connection: Connection, file: SqlFile, actor: str) -> None:
        with _explained(file), locked(connection, f"sql/{file.name} was not applied"):
            # Functions may have been replaced by hand since.
            if file.kind == FUNCTIONS or _applied(connection).get(file.name) != file.checksum:
                connection.execute(file.text.encode())
                _record(connection, file, actor)

    def _apply_outside(self, connection: Connection, file: SqlFile, actor: str) -> None:
        """Statement by statement, while another connection's transaction keeps other migrations away.

        Such a file can be applied again after it was interrupted. A concurrent build waits for every transaction that
        is older than it, however long, and nothing waits for it.
        """
        with self._connected() as keeper, _explained(file), locked(keeper, f"sql/{file.name} was not applied"):
            if _applied(keeper).get(file.name) != file.checksum:
                for statement in file.statements:
                    connection.execute(statement.encode())
                _record(keeper, file, actor)

    def script(self, files: list[SqlFile], actor: str) -> str:
        """The same as one SQL text; a plain connection or another migration tool can run it, in one transaction."""
        parts = [LEDGER_SQL] if files else []
        for file in files:
            parts += [f"-- sql/{file.name}", file.blocking_text, f"{_record_sql(file, actor)};", ""]
        return "\n".join(parts)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            connection = connect(self._url)
        except psycopg.Error as error:
            raise connection_error(error, self._url) from None
        try:
            with connection:
                yield connection
        except psycopg.Error as error:
            raise domain_error(error.sqlstate, error.diag.message_primary or "", error.diag.message_hint) from None


@contextmanager
def _explained(file: SqlFile) -> Iterator[None]:
    """Raises Fault with the file's name if Postgres does not take its statements."""
    try:
        yield
    except psycopg.Error as error:
        message = without_secrets(error.diag.message_primary or "")
        if error.sqlstate and isinstance(domain_error(error.sqlstate, message, None), DoesNotFit | Fault):
            if not file.transactional:
                raise Fault(
                    f"sql/{file.name} was not applied to its end: {message} ({error.sqlstate}).",
                    "Report it with this message. Once its cause is gone, billing db migrate --confirm "
                    "applies this file again from its start.",
                ) from None
            raise Fault(
                f"sql/{file.name} was not applied: {message} ({error.sqlstate}).",
                "Nothing of this file was written. Report it with this message.",
            ) from None
        raise


def _record(connection: Connection, file: SqlFile, actor: str) -> None:
    connection.execute(_record_sql(file, actor))
    _refuse_open_doors(connection, file)


def _record_sql(file: SqlFile, actor: str) -> str:
    return (
        sql.SQL(
            "insert into public.billing_schema_migrations (name, kind, checksum, applied_by) values ({}, {}, {}, {}) "
            "on conflict (name) do update set checksum = excluded.checksum, applied_at = now(), "
            "applied_by = excluded.applied_by"
        )
        .format(*map(sql.Literal, (file.name, file.kind, file.checksum, actor)))
        .as_string(None)
    )


def _read(root: Traversable, folder: str, kind: str) -> list[SqlFile]:
    entries = sorted((e for e in root.joinpath(folder).iterdir() if e.name.endswith(".sql")), key=lambda e: e.name)
    return [SqlFile(f"{folder}/{entry.name}", kind, entry.read_text(encoding="utf-8")) for entry in entries]


def _applied(connection: Connection) -> dict[str, str]:
    if _scalar(connection, "select to_regclass('public.billing_schema_migrations')") is None:
        return {}
    return {row[0]: row[1] for row in connection.execute("select name, checksum from public.billing_schema_migrations")}


def _relations_sql() -> str:
    """The query of the function that the doctor calls, which need not be there yet."""
    text = sql_root().joinpath("functions", "relations.sql").read_text(encoding="utf-8")
    return text.split("$$")[1]


def _scalar(connection: Connection, query: str, values: list[Any] | None = None) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def _refuse_open_doors(connection: Connection, file: SqlFile) -> None:
    """Supabase opens new relations to everyone by default; a file that forgot to revoke is rolled back."""
    names = ours([*sql_files(), file])
    door = _scalar(connection, _OPEN_TABLES_SQL, [list(names.relations)])
    if door is None and file.kind == FUNCTIONS:
        door = _scalar(connection, _OPEN_FUNCTIONS_SQL, [list(names.functions)])
    if door is not None:
        raise Fault(f"sql/{file.name} leaves {door} open to everyone; it was not applied.")
