"""Usage and money to rehearse on: deterministic and dirty, or an operator's own usage from a CSV file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.sandbox import seed_sql
from billing_cli.sandbox.seed_csv import read_usage
from billing_cli.sandbox.seed_money import seed_money, send_money
from billing_cli.sandbox.seed_subscriptions import subscribe, with_id
from billing_cli.sandbox.stripe_control import ask

if TYPE_CHECKING:
    import psycopg

MINIMUM_ROWS, MINIMUM_COMPANIES, MAXIMUM_COMPANIES, MAXIMUM_DAYS = 100, 10, 9999, 34
# One meter has keys of its own, as Stripe allows: nothing may assume the default ones.
METERS: list[dict[str, Any]] = [
    {"event_name": "api_calls"},
    {"event_name": "storage_gb", "customer_key": "customer", "value_key": "gigabytes"},
    {"event_name": "seats_minutes"},
]


@dataclass(frozen=True)
class Seeded:
    """What was new: a seed that is already there adds nothing."""

    usage_rows: int
    known_rows: int
    companies: int
    customers: int


def seed(
    database_url: str,
    stripe_url: str,
    *,
    rows: int = 100_000,
    companies: int = 200,
    days: int = 7,
    seed: int = 1,
) -> Seeded:
    """The same numbers on the same day give the same rows; a second time adds nothing.

    Most rows fall on yesterday (UTC), the rest on the `days` days before.
    """
    if rows < MINIMUM_ROWS or not MINIMUM_COMPANIES <= companies <= MAXIMUM_COMPANIES or not 1 <= days <= MAXIMUM_DAYS:
        raise BadInput(
            f"A seed takes at least {MINIMUM_ROWS} rows, {MINIMUM_COMPANIES} to {MAXIMUM_COMPANIES} "
            f"companies and 1 to {MAXIMUM_DAYS} days.",
            "Change --rows, --companies or --days.",
        )
    numbers = {"rows": rows - seed_sql.EDGE_ROWS, "companies": companies, "days": days, "seed": seed}
    with _connect(database_url) as connection:
        connection.execute(seed_sql.COMPANIES, {"companies": companies})
        added = connection.execute(seed_sql.EDGES, {"days": days, "seed": seed}).rowcount
        added += connection.execute(seed_sql.USAGE, numbers).rowcount
        customers = _customers(connection)
        payments, invoices = seed_money(connection, customers)
    _settle(database_url)
    _send(stripe_url, customers, METERS)
    send_money(stripe_url, payments, invoices)
    return Seeded(added, rows - added, companies, len(customers))


def seed_from_csv(database_url: str, stripe_url: str, path: Path) -> Seeded:
    """Load usage rows; companies and meters it names are created, with customers, where missing.

    All or nothing: a line that cannot be read is a BadInput naming line and column.
    """
    usage = list(read_usage(path))
    with _connect(database_url) as connection:
        connection.execute(seed_sql.STAGE)
        with connection.cursor().copy(seed_sql.COPY) as copy:
            for row in usage:
                copy.write_row(row)
        companies = connection.execute(seed_sql.STAGED_COMPANIES).rowcount
        added = connection.execute(seed_sql.LOAD).rowcount
        customers = _customers(connection)
    _settle(database_url)
    names = sorted({row.meter for row in usage} - {meter["event_name"] for meter in METERS})
    _send(stripe_url, customers, METERS + [{"event_name": name} for name in names])
    return Seeded(added, len(usage) - added, companies, len(customers))


def _send(stripe_url: str, customers: list[dict[str, Any]], meters: list[dict[str, Any]]) -> None:
    named = [with_id(meter) for meter in meters]
    ask(stripe_url, "POST", "bulk", {"customers": customers, "meters": named, "keep": True})
    subscribe(stripe_url, customers, named)


def _connect(database_url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    try:
        import psycopg
    except ImportError:
        raise Misconfigured("psycopg is not installed.", "Install billing again.") from None
    return psycopg.connect(database_url)


def _customers(connection: "psycopg.Connection[tuple[Any, ...]]") -> list[dict[str, Any]]:
    found = connection.execute(seed_sql.CUSTOMERS).fetchall()
    return [{"id": customer, "name": name, "metadata": {"company_id": company}} for customer, name, company in found]


def _settle(database_url: str) -> None:
    """Statistics and the visibility map as a database that has been running for a while has them."""
    with _connect(database_url) as connection:
        connection.autocommit = True
        connection.execute("vacuum analyze billing_usage_events")
        connection.execute("analyze billing_companies, billing_payments, billing_invoices")
