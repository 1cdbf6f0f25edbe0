"""What the program is told by the database is in UTC, whatever time zone that lives in."""

from support.usage import Connection

OTHERS = """
select proname from pg_proc where pronamespace = 'public'::regnamespace and prorettype = 'jsonb'::regtype
  and provolatile <> 'i' and not 'TimeZone=UTC' = any(coalesce(proconfig, '{}'))
"""


def test_every_function_that_answers_is_in_utc(sql: Connection) -> None:
    assert sql.execute(OTHERS).fetchall() == []


def test_a_session_in_another_zone_is_told_utc(sql: Connection) -> None:
    sql.execute("set timezone to 'Asia/Tokyo'")
    rows = sql.execute("select billing_now_v1() ->> 'now', current_setting('TimeZone')").fetchall()
    ((now, zone),) = rows
    assert (now[-6:], zone) == ("+00:00", "Asia/Tokyo")
