"""The database over the wire, with psycopg."""

import json
import threading
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb, set_json_loads

from billing_cli.adapters.database.connection_errors import connection_error, pooler_error
from billing_cli.adapters.database.errors import NO_SUCH_FUNCTION, domain_error

_CONNECT_TIMEOUT_S = 10
_UNDEFINED_FUNCTION = "42883"


class PostgresDatabase:
    """One connection, opened when first needed and again after it broke; one call at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._lock = threading.Lock()

    def call(self, function: str, **args: object) -> Any:
        """See `billing_cli.domain.ports.Database.call`."""
        query = sql.SQL("select public.{}({})").format(
            sql.Identifier(function),
            sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder()) for name in args),
        )
        values = [Jsonb(value) if isinstance(value, list | dict) else value for value in args.values()]
        with self._lock:
            try:
                row = self._open().execute(query, values).fetchone()
            except psycopg.Error as error:
                raise self._explain(error) from None
        return row[0] if row else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
        return self._connection

    def _explain(self, error: psycopg.Error) -> Exception:
        if self._connection is None or self._connection.broken or error.sqlstate is None:
            self.close()
            if error.sqlstate is None:
                return connection_error(error, self._url)
        # A pooler's refusal has the class of its own faults, or of the protocol's.
        if error.sqlstate[:2] in ("XX", "08") and (refusal := pooler_error(str(error))):
            return refusal
        # Without a context it is the call itself that names no function; with one, it is inside of a function.
        is_unknown = error.sqlstate == _UNDEFINED_FUNCTION and error.diag.context is None
        code = NO_SUCH_FUNCTION if is_unknown else error.sqlstate
        return domain_error(code, error.diag.message_primary or "", error.diag.message_hint)


def connect(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection in autocommit whose jsonb numbers keep every digit."""
    # No prepared statements: a pooler in transaction mode hands the next call to another backend.
    # Keepalives: a server that went away without a word is noticed in about a minute.
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_TIMEOUT_S,
        prepare_threshold=None,
        application_name="billing",
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )
    set_json_loads(lambda data: json.loads(data, parse_float=Decimal), connection)
    return connection
