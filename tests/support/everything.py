"""Every row of every table, to show that nothing was written."""

from typing import Any

from support.usage import Connection


def everything(sql: Connection) -> dict[str, Any]:
    tables = sql.execute("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'")
    return {
        table: sql.execute(
            f"select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)), '[]') from {table} t"
        ).fetchone()
        for (table,) in tables.fetchall()
    }
