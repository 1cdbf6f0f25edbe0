"""Small usage to export, and the oracle: what Stripe must end up with, from SQL of its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
Connection = psycopg.Connection[tuple[Any, ...]]


def customer_of(number: int) -> str:
    return f"cus_{number}"


def add_companies(sql: Connection, count: int) -> list[dict[str, str]]:
    """Companies co_1 … co_N, each with its Stripe customer; returns the customers for the simulator."""
    for number in range(1, count + 1):
        sql.execute(
            "insert into billing_companies (company_id, name, stripe_customer_id) values (%s, %s, %s)",
            (f"co_{number}", f"Company {number}", customer_of(number)),
        )
    return [{"id": customer_of(number)} for number in range(1, count + 1)]


def add_usage(sql: Connection, company: str, meter: str, quantity: object, hour: int = 0, minute: int = 5) -> None:
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, %s, %s)",
        (company, meter, quantity, YESTERDAY + timedelta(hours=hour, minutes=minute)),
    )


def add_much_usage(sql: Connection, companies: int, hours: int, rows_per_hour: int = 3) -> None:
    """Fractional rows for two meters, every company, every hour of yesterday up to `hours`."""
    sql.execute(
        """
        insert into billing_usage_events (company_id, meter, quantity, occurred_at)
        select 'co_' || c, m, (c * 1000 + h * 10 + r)::numeric / 1000, %s + make_interval(hours => h, mins => r)
        from generate_series(1, %s) c, unnest(array['api_calls', 'storage_gb']) m,
             generate_series(0, %s - 1) h, generate_series(1, %s) r
        """,
        (YESTERDAY, companies, hours, rows_per_hour),
    )


def owed(sql: Connection) -> dict[tuple[str, str], Decimal]:
    """By meter and customer, what the usage table says; shares nothing with the program's own SQL."""
    rows = sql.execute(
        """
        select u.meter, c.stripe_customer_id, sum(u.quantity) from billing_usage_events u, billing_companies c
        where c.company_id = u.company_id group by u.meter, c.stripe_customer_id having sum(u.quantity) <> 0
        """
    )
    return {(meter, customer): quantity.normalize() for meter, customer, quantity in rows}
