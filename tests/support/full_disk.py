"""A database whose disk has no room for export items, while all else goes on."""

from support.usage import Connection


def fill_disk(sql: Connection) -> None:
    """Every update of an item fails as Postgres does; `tries(sql)` counts."""
    sql.execute("create sequence disk_tries")
    sql.execute(
        "create function disk_is_full() returns trigger language plpgsql security definer as $$ begin "
        "perform nextval('public.disk_tries'); "
        "raise exception 'could not extend file' using errcode = '53100', hint = 'Check free disk space.'; end $$"
    )
    sql.execute(
        "create trigger disk_is_full before update on billing_export_items for each row execute function disk_is_full()"
    )


def tries(sql: Connection) -> int:
    row = sql.execute("select case when is_called then last_value else 0 end from disk_tries").fetchone()
    assert row
    return int(row[0])
