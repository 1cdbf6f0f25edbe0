"""Locks of migrations: one migration at a time, each wait for a table limited, and who holds it.

Everything lives in a transaction, so that nothing is left on a connection that a pooler hands on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from billing_cli.domain.errors import LockHeld
from billing_cli.domain.masking import without_secrets

# Whatever needs a table that a migration waits for waits behind it, exports too.
LOCK_TIMEOUT_S = 5.0
_LOCK_SQL = "select pg_try_advisory_xact_lock(hashtext('billing_schema_migrations'))"
# Of other sessions that hold a lock on a relation of ours or the deployment's, the oldest transaction.
_HOLDER_SQL = """
select a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'unknown'),
       extract(epoch from now() - a.xact_start)::int, left(a.query, 120)
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid() and a.datname = current_database()
  and l.relation in (select oid from pg_class
                     where relnamespace = 'public'::regnamespace and relname like 'billing\\_%')
order by a.xact_start limit 1
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def locked(connection: Connection, failure: str) -> Iterator[None]:
    """A transaction that no other migration runs beside. `failure` begins the error if a table stays locked for 5 s.

    Raises LockHeld.
    """
    try:
        with connection.transaction():
            _take(connection)
            connection.execute("select set_config('lock_timeout', %s, true)", [f"{round(LOCK_TIMEOUT_S * 1000)}ms"])
            yield
    except psycopg.errors.LockNotAvailable:
        raise LockHeld(
            f"{failure}: another transaction holds a lock that it needs{_holder(connection)}.",
            "Nothing of it was written. Try again, or end that transaction first (pg_stat_activity has it): "
            "billing db migrate --confirm",
        ) from None


def _take(connection: Connection) -> None:
    row = connection.execute(_LOCK_SQL).fetchone()
    if not (row and row[0]):
        raise LockHeld("Another migration is running.", "Wait for it, then run: billing db status")


def _holder(connection: Connection) -> str:
    """Empty where it has ended by now, or pg_stat_activity does not show it to this user."""
    try:
        row = connection.execute(_HOLDER_SQL).fetchone()
    except psycopg.Error:
        return ""
    if row is None:
        return ""
    pid, name, age_s, query = row
    words = without_secrets(" ".join((query or "").split()))
    return f" (process {pid}, {name}, in a transaction for {age_s} s: {words})"
