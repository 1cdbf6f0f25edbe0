"""Tables of another shape, mapped by the views of the example: everything works through them, for the right role."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.supabase import SUPABASE_DEFAULTS
from support.usage import YESTERDAY, Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.cli.app import run
from billing_cli.usecases.migrations import apply_pending

from .conftest import EXAMPLES, PAGES

VIEWS = ("billing_companies", "billing_usage_events", "billing_payments", "billing_invoices")
DATA = """
insert into app.tenants (id, title, stripe_id, tier)
select md5(n::text)::uuid, 'Tenant ' || n, 'cus_' || n, 'starter' from generate_series(1, 3) n;
insert into app.usage_log (tenant, kind, units, at)
select md5((1 + n % 3)::text)::uuid, 'api_calls', 0.1, DAY - make_interval(mins => n * 7) + interval '23 hours'
from generate_series(1, 6000) n;
insert into app.charges (stripe_payment, tenant, cents, currency, state, at)
values ('pi_1', md5('1')::uuid, 10000, 'USD', 'succeeded', now());
insert into app.bills (stripe_invoice, tenant, state, currency, cents, at)
values ('in_1', md5('1')::uuid, 'open', 'USD', 5000, now());
analyze app.usage_log;
"""

Billing = Callable[..., dict[str, Any]]


@pytest.fixture(params=["new project", "older project"])
def project(request: pytest.FixtureRequest, plain_db_url: str) -> Iterator[Connection]:
    """The application's tables and the views, then migrated; an older project opens all that is made in public."""
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        if request.param == "older project":
            connection.execute(SUPABASE_DEFAULTS.encode())
        # Once more, as where it was corrected.
        for name in ("your_tables.sql", "usage_view.sql", "usage_view.sql"):
            connection.execute((EXAMPLES / name).read_bytes())
        connection.execute(DATA.replace("DAY", f"'{YESTERDAY}'::timestamptz").encode())
        apply_pending(PostgresMigrator(plain_db_url), "tests")
        yield connection


@pytest.fixture
def billing(
    request: pytest.FixtureRequest,
    project: Connection,
    plain_db_url: str,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Billing]:
    """`billing --json`: over REST as service_role in the newer project, over the wire as the owner in the older."""
    stripe.bulk([{"id": f"cus_{n}"} for n in (1, 2, 3)], [{"event_name": "api_calls"}])
    rest = PostgrestDouble(plain_db_url)
    environment = wire_environment(plain_db_url, stripe.url)
    if request.node.callspec.params["project"] == "new project":
        environment = rest_environment(rest.url, rest.service_key, stripe.url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        code = run(["--json", *arguments])
        out, err = capsys.readouterr()
        assert code == 0, out + err
        document: dict[str, Any] = json.loads(out)
        return document

    yield call
    rest.stop()


def test_usage_is_sent_through_the_view_once(billing: Billing, project: Connection, stripe: StripeDouble) -> None:
    rows, units = project.execute(
        "select count(*), sum(units::numeric) from app.usage_log where at >= %s and at < %s + interval '1 day'",
        (YESTERDAY, YESTERDAY),
    ).fetchall()[0]
    first = billing("export", "--period", "yesterday", "--confirm")
    assert first["rows"] == {"window": rows, "to_send": rows, "sent": 0, "skipped": 0}
    again = billing("export", "--period", "yesterday", "--confirm")
    assert again["rows"]["sent"] == rows
    assert sum(float(value) for _, _, value in stripe.totals()) == pytest.approx(float(units))


def test_money_is_written_back_through_the_views(billing: Billing, project: Connection, stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])
    line = {"amount": 5000, "description": "usage"}
    stripe.invoices([{"id": "in_1", "customer": "cus_1", "status": "open", "currency": "usd", "lines": [line]}])
    company = project.execute("select company_id from billing_payments").fetchall()[0][0]
    refund = billing("refund", company, "pi_1", "--amount", "12.50", "--reason", "duplicate", "--confirm")
    assert refund["intents"][0]["here"] == "updated"
    marked = billing("invoices", "mark-paid", company, "in_1", "--reason", "wire", "--confirm")
    assert marked["intents"][0]["here"] == "updated"
    assert project.execute("select refunded_cents from app.charges").fetchall() == [(1250,)]
    assert project.execute("select state, paid_cents from app.bills").fetchall() == [("paid", 5000)]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_nobody_else_may_touch_the_views(role: str, project: Connection) -> None:
    for view in VIEWS:
        may = project.execute("select has_table_privilege(%s, %s, 'select, insert, update, delete')", (role, view))
        assert may.fetchall() == [(False,)], view
        with pytest.raises(psycopg.errors.InsufficientPrivilege), project.transaction():
            project.execute(f"set local role {role}")
            project.execute(f"select from {view}")


def test_the_views_are_made_where_supabases_roles_are_not(plain_db_url: str) -> None:
    """Roles are the whole server's, and other tests use them: here the example looks for names that nobody has."""
    example = (EXAMPLES / "usage_view.sql").read_text(encoding="utf-8")
    for role in ("anon", "authenticated", "service_role"):
        example = re.sub(rf"\b{role}\b", f"{role}_elsewhere", example)
    with psycopg.connect(plain_db_url, autocommit=True) as connection:
        connection.execute((EXAMPLES / "your_tables.sql").read_bytes())
        connection.execute(example.encode())
        connection.execute(example.encode())
        for view in VIEWS:
            assert connection.execute(f"select count(*) from {view}".encode()).fetchall() == [(0,)]


def test_a_window_is_read_from_the_index(project: Connection) -> None:
    plan = project.execute(
        "explain select company_id, meter, sum(quantity) from billing_usage_events "
        "where occurred_at >= %s and occurred_at < %s + interval '1 day' group by 1, 2",
        (YESTERDAY, YESTERDAY),
    ).fetchall()
    assert any("usage_log_by_time" in line for (line,) in plan), plan


def test_a_row_keeps_its_number(project: Connection) -> None:
    numbers = "select usage_event_id, source_id from billing_usage_events order by source_id"
    before = project.execute(numbers).fetchall()
    project.execute("update app.usage_log set units = units + 1")
    assert project.execute(numbers).fetchall() == before
    assert len({number for number, _ in before}) == len(before)


def test_the_page_quotes_the_example() -> None:
    page = (PAGES / "usage-view.md").read_text(encoding="utf-8")
    example = (EXAMPLES / "usage_view.sql").read_text(encoding="utf-8")
    view = example[example.index("create or replace view public.billing_usage_events") :].split(";")[0] + ";"
    assert view in page
