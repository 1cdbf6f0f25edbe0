"""The audit log in Postgres: what follows the newest row is appended, anything else is refused, whoever writes it."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.usage import Connection

from billing_cli.domain.audit import Problem
from billing_cli.domain.audit_lines import first_fault

ENTRY = """
select jsonb_build_object('schema', 'billing.audit-entry/v1', 'rows', 1, 'audit_id', 1, 'at', at, 'actor', actor,
  'action', action, 'subject', subject, 'details', details, 'previous_hash', previous,
  'hash', billing_audit_hash_v1(previous, at, actor, action, subject, details))::text
from (values (%s::timestamptz, %s::text, %s::text, %s::text, %s::jsonb, %s::text))
  as given(at, actor, action, subject, details, previous)
"""
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30).map(str) | (
    st.sampled_from(["0", "-0", "1.0", "1.10", "1e5", "1E-7", "-12.50", "100000000000000000000.000"])
)
SCALARS = st.sampled_from(["null", "true", "false"]) | NUMBERS | TEXT.map(json.dumps)
DETAILS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(TEXT.map(json.dumps), inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.datetimes(), texts=st.tuples(TEXT, TEXT, TEXT, TEXT), details=DETAILS)
def test_the_hash_is_the_one_that_postgres_makes(
    at: Any, texts: tuple[str, str, str, str], details: str, sql: Connection
) -> None:
    actor, action, subject, previous = texts
    row = sql.execute(ENTRY, (f"{at.isoformat()}+00:00", actor, action, subject, details, previous)).fetchone()
    assert row
    (line,) = row
    assert first_fault([(1, line)]) is None
    forged = json.dumps({**json.loads(line), "actor": f"{actor}x"})
    fault = first_fault([(1, forged)])
    assert fault
    assert (fault.problem, fault.line) == (Problem.FILE_CONTENT, 1)


INSERT = """
insert into billing_audit_log (audit_id, at, actor, action, subject, details, previous_hash, hash)
overriding system value
select %(audit_id)s, now(), 'eve', 'a', 's', '{}', %(previous)s,
  coalesce(%(hash)s, billing_audit_hash_v1(%(previous)s, now(), 'eve', 'a', 's', '{}'))
"""


def append(sql: Connection) -> None:
    sql.execute("select billing_audit_append_v1('ana', 'refund.done', 'int_1', '{}')")


def newest(sql: Connection) -> tuple[int, str]:
    row = sql.execute("select audit_id, hash from billing_audit_log order by audit_id desc limit 1").fetchone()
    return row or (0, "")


def verified(sql: Connection) -> dict[str, Any]:
    row = sql.execute("select billing_audit_verify_v1()").fetchone()
    assert row
    found: dict[str, Any] = row[0]
    return found


@pytest.fixture(params=["service_role", "owner"])
def writer(request: pytest.FixtureRequest, sql: Connection) -> Connection:
    """A connection of each role that may insert rows."""
    if request.param == "service_role":
        sql.execute("set role service_role")
    return sql


FIRST = "no row before it"
WRONG: dict[str, Callable[[int, str], dict[str, Any]]] = {
    "the highest number": lambda audit_id, hash_: {"audit_id": 2**63 - 1, "previous": hash_},
    "a number ahead of the sequence": lambda audit_id, hash_: {"audit_id": audit_id + 2, "previous": hash_},
    "a number before the newest": lambda audit_id, hash_: {"audit_id": -1, "previous": hash_},
    "a number that is taken": lambda audit_id, hash_: {"audit_id": audit_id, "previous": hash_},
    "another row before it": lambda audit_id, hash_: {"audit_id": audit_id + 1, "previous": "f" * 64},
    FIRST: lambda audit_id, hash_: {"audit_id": audit_id + 1, "previous": ""},
    "another hash": lambda audit_id, hash_: {"audit_id": audit_id + 1, "previous": hash_, "hash": "f" * 64},
}


@pytest.mark.parametrize(("how", "rows"), [(how, rows) for how in WRONG for rows in (0, 2) if rows or how != FIRST])
def test_a_row_that_does_not_follow_the_newest_is_refused_and_appending_goes_on(
    how: str, rows: int, writer: Connection
) -> None:
    for _ in range(rows):
        append(writer)
    with pytest.raises(psycopg.Error, match="does not follow the newest row"):
        writer.execute(INSERT, {"hash": None, **WRONG[how](*newest(writer))})
    append(writer)
    found = verified(writer)
    assert (found["fault"], found["count"]) == (None, rows + 1)


def test_rows_of_one_statement_must_follow_each_other(writer: Connection) -> None:
    append(writer)
    for _ in range(3):
        writer.execute("select nextval('billing_audit_log_audit_id_seq')")
    audit_id, hash_ = newest(writer)
    with pytest.raises(psycopg.Error, match="does not follow the newest row"):
        writer.execute(
            f"{INSERT} from generate_series(1, 2)", {"audit_id": audit_id + 1, "previous": hash_, "hash": None}
        )
    append(writer)
    assert verified(writer)["fault"] is None


@pytest.mark.parametrize("statement", ["audit_id + 10", "audit_id + 9223372036854775800", "audit_id * 2"])
def test_rows_renumbered_beyond_what_was_given_out_are_found(statement: str, sql: Connection) -> None:
    for _ in range(3):
        append(sql)
    sql.execute("alter table billing_audit_log disable trigger all")
    sql.execute("alter table billing_audit_log alter column audit_id set generated by default")
    sql.execute("alter table billing_audit_log drop constraint billing_audit_log_pkey")
    sql.execute(f"update billing_audit_log set audit_id = {statement}")
    assert verified(sql)["fault"]["problem"] == "renumbered"
