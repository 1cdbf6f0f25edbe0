"""The database's exact sums beside Stripe's, worked out without the program under demonstration."""

from decimal import Decimal
from typing import Any

from billing_cli.sandbox.stripe_control import ask

# Eligible: a finite quantity, a company with a customer, a meter in Stripe; an hour that adds up to
# something Stripe takes (at most fifteen significant digits). Hours below zero are covered by the others.
EXPECTED = """
select event_name, customer, sum(hour_total)::text from (
  select u.meter as event_name, c.stripe_customer_id as customer, sum(u.quantity) as hour_total
  from billing_usage_events u join billing_companies c using (company_id)
  where u.occurred_at >= %(start)s and u.occurred_at < %(end)s
    and u.quantity is not null and u.quantity not in ('NaN', 'Infinity', '-Infinity')
    and c.stripe_customer_id is not null and u.meter = any(%(meters)s)
  group by u.meter, c.stripe_customer_id, date_trunc('hour', u.occurred_at)
  having sum(u.quantity) <> 0
    and length(ltrim(replace(trim_scale(abs(sum(u.quantity)))::text, '.', ''), '0')) <= 15
) hours
group by 1, 2
"""

Sums = dict[tuple[str, str], Decimal]


def database_sums(database_url: str, start: object, end: object, meters: list[str]) -> Sums:
    import psycopg

    with psycopg.connect(database_url) as connection:
        rows = connection.execute(EXPECTED, {"start": start, "end": end, "meters": meters}).fetchall()
    return {(event_name, customer): Decimal(total) for event_name, customer, total in rows}


def stripe_sums(stripe_url: str) -> Sums:
    totals: list[dict[str, Any]] = ask(stripe_url, "GET", "totals?by=customer")["totals"]
    return {(row["event_name"], row["customer"]): Decimal(row["value"]) for row in totals}


def differences(database: Sums, stripe: Sums) -> list[str]:
    """A sentence for every company and meter that differs by as little as the last digit."""
    return [
        f"{meter} of {customer}: the database has {database.get((meter, customer), 0)}, "
        f"Stripe has {stripe.get((meter, customer), 0)}."
        for meter, customer in sorted(database.keys() | stripe.keys())
        if database.get((meter, customer), 0) != stripe.get((meter, customer), 0)
    ]
