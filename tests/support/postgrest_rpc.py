"""How PostgREST runs a function: found by argument names, one transaction as the key's role, JSON made by Postgres."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

MAX_ROWS = 1000
# The longest prefix of a SQLSTATE counts; anything else is 400.
_STATUS = {
    **{"42501": 403, "42883": 404, "42P01": 404, "42P17": 500, "57P01": 503, "P0001": 400, "23503": 409, "23505": 409},
    **{"08": 503, "25": 500, "28": 403, "40": 500, "53": 503, "54": 413, "55": 500, "57": 500, "P0": 500, "XX": 500},
}
# Like PostgREST's schema cache: no trigger functions, and every argument has a name.
_FIND_SQL = """
select p.proretset as is_set, t.typname = 'void' as is_void, t.typtype = 'c' or t.typname = 'record' as is_row,
  array(select format_type(u.oid, null) from unnest(p.proargtypes) with ordinality u(oid, n) order by n) as types,
  coalesce(p.proargnames[1:p.pronargs], '{}') as names
from pg_proc p join pg_type t on t.oid = p.prorettype
where p.pronamespace = 'public'::regnamespace and p.proname = %s and t.typname <> 'trigger'
  and %s::text[] <@ coalesce(p.proargnames[1:p.pronargs], '{}')
  and coalesce(p.proargnames[1:p.pronargs - p.pronargdefaults], '{}') <@ %s::text[]
"""
Refusal = dict[str, str | None]


@dataclass(frozen=True)
class _Function:
    is_set: bool
    is_void: bool
    is_row: bool
    types: list[str]
    names: list[str]


def run(db_url: str, role: str, function: str, arguments: dict[str, Any], body: str) -> tuple[int, str | Refusal]:
    """Status, and JSON text or PostgREST's error document. `body` is the request, its digits untouched."""
    given = list(arguments)
    try:
        with psycopg.connect(db_url) as connection:
            found = connection.cursor(row_factory=class_row(_Function)).execute(_FIND_SQL, (function, given, given))
            shape = found.fetchone()
            if shape is None:
                return 404, error("PGRST202", f"Could not find the function public.{function} in the schema cache")
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            row = connection.execute(_query(function, given, shape), (body,)).fetchone()
    except psycopg.Error as raised:
        if raised.sqlstate is None:  # The server is not there, or went away.
            return 503, error("PGRST001", "Database client error. Retrying the connection.")
        return _status(raised.sqlstate, role), _refusal(raised)
    return (204, "") if shape.is_void else (200, row[0] if row and row[0] is not None else "null")


def error(code: str, message: str, details: str | None = None, hint: str | None = None) -> Refusal:
    return {"code": code, "message": message, "details": details, "hint": hint}


def _query(function: str, given: list[str], shape: _Function) -> sql.Composed:
    types = dict(zip(shape.names, shape.types, strict=True))
    columns = [sql.SQL("{} " + types[name]).format(sql.Identifier(name)) for name in given]
    source: sql.Composable = sql.SQL("json_to_record(%s::json) as a({})").format(sql.SQL(", ").join(columns))
    if not given:
        source = sql.SQL("(select %s::json) as a")
    named = [sql.SQL("{0} => a.{0}").format(sql.Identifier(name)) for name in given]
    call = sql.SQL("public.{}({})").format(sql.Identifier(function), sql.SQL(", ").join(named))
    if shape.is_void:
        return sql.SQL("select {} from {}").format(call, source)
    if not shape.is_set and not shape.is_row:
        return sql.SQL("select to_json({})::text from {}").format(call, source)
    rows = sql.SQL("select r as v from {}, lateral {} as r limit {}").format(source, call, MAX_ROWS)
    many = sql.SQL("select coalesce(json_agg(v), '[]')::text from ({}) as x").format(rows)
    return many if shape.is_set else sql.SQL("select to_json(v)::text from ({}) as x").format(rows)


def _status(sqlstate: str, role: str) -> int:
    if sqlstate == "42501" and role == "anon":
        return 401
    return _STATUS.get(sqlstate, _STATUS.get(sqlstate[:2], 400))


def _refusal(raised: psycopg.Error) -> Refusal:
    diag = raised.diag
    return error(raised.sqlstate or "", diag.message_primary or str(raised), diag.message_detail, diag.message_hint)
