"""A deployment's relation of another shape is named by `db migrate`, `db status` and `doctor`, before anything fails."""

import json
from collections.abc import Callable

import psycopg
import pytest
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.app import run

from .conftest import Answer, Billing, asking

# Column: its type as Postgres shows it, the wanted type, and the cast from one to the other.
WRONG = {
    "billing_usage_events.quantity": ("double precision", "numeric", "quantity::numeric"),
    "billing_usage_events.company_id": ("bigint", "text", "company_id::text"),
    "billing_companies.company_id": ("uuid", "text", "company_id::text"),
    "billing_usage_events.occurred_at": (
        "timestamp without time zone",
        "timestamptz",
        "occurred_at at time zone 'UTC'",
    ),
    "billing_usage_events.recorded_at": ("date", "timestamptz", "recorded_at::timestamp at time zone 'UTC'"),
    "billing_usage_events.usage_event_id": (
        "uuid",
        "bigint",
        "('x' || left(md5(usage_event_id::text), 16))::bit(64)::bigint",
    ),
    "billing_payments.amount_minor": ("numeric(20,2)", "bigint", "amount_minor::bigint"),
    "billing_payments.created_at": ("bigint", "timestamptz", "to_timestamp(created_at)"),
    "billing_invoices.status": ("character(8)", "text", "status::text"),
}
SHAPES = {
    "billing_companies": "company_id text, name text, stripe_customer_id text, plan_id text",
    "billing_usage_events": "usage_event_id bigint, company_id text, meter text, quantity numeric, "
    "occurred_at timestamptz, recorded_at timestamptz, source_id text",
    "billing_payments": "payment_intent_id text, company_id text, amount_minor bigint, refunded_minor bigint, "
    "currency text, status text, created_at timestamptz",
    "billing_invoices": "invoice_id text, company_id text, number text, status text, currency text, "
    "total_minor bigint, amount_paid_minor bigint, created_at timestamptz",
}
KINDS = ("table", "view")


def make(sql: Connection, relation: str, columns: str, kind: str) -> None:
    """In place of the relation that is there."""
    found = sql.execute("select relkind::text from pg_class where oid = to_regclass(%s)", (relation,)).fetchone()
    if found:
        sql.execute(f"drop {'view' if found[0] == 'v' else 'table'} {relation}")
    sql.execute("create schema if not exists app")
    table = f"app.{relation}" if kind == "view" else relation
    sql.execute(f"create table {table} ({columns})")
    if kind == "view":
        sql.execute(f"create view {relation} as select * from {table}")


def make_wrong(sql: Connection, column: str, kind: str) -> str:
    """The relation, with this one column of the type that is wrong."""
    relation, _, name = column.partition(".")
    columns = [part.split() for part in SHAPES[relation].split(", ")]
    shape = ", ".join(f"{each} {WRONG[column][0] if each == name else kind}" for each, kind in columns)
    make(sql, relation, shape, kind)
    return relation


def sentence(column: str) -> str:
    found, wanted, _ = WRONG[column]
    return f"{column} is {found}, and has to be {wanted}."


def step(column: str, kind: str) -> str:
    (relation, _, name), (_, wanted, cast) = column.partition("."), WRONG[column]
    if kind == "view":
        return f"Cast the column in the view: {cast}"
    return f"In SQL: alter table public.{relation} alter column {name} type {wanted} using {cast};"


@pytest.fixture
def fresh(
    plain_db_url: str, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Billing:
    """`billing --json` over the wire, on a database without our migrations."""
    for name, value in wire_environment(plain_db_url, stripe.url).items():
        monkeypatch.setenv(name, value)
    return asking(capsys)


@pytest.fixture
def plain(plain_db_url: str) -> "Callable[[], Connection]":
    return lambda: psycopg.connect(plain_db_url, autocommit=True)


@pytest.fixture
def rest_alone(rest: PostgrestDouble, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, commands have no address of the database but that of REST."""

    def change() -> None:
        monkeypatch.delenv("SUPABASE_DB_URL")
        for name, value in rest_environment(rest.url, rest.service_key, stripe.url).items():
            monkeypatch.setenv(name, value)

    return change


def misfits(answer: Answer) -> list[tuple[str, str, str]]:
    return [(f"{m['relation']}.{m['column']}", m["type"], m["wanted"]) for m in answer.document["misfits"]]


def found_by_doctor(billing: Billing) -> list[tuple[str, str]]:
    """The failures of the check of the four relations, each with its next step."""
    findings = [f for f in billing("doctor").document["findings"] if f["check"] == "relation-columns"]
    return [(f["says"], f["next_step"]) for f in findings if f["level"] == "fail"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", WRONG)
def test_a_wrong_type_is_named_before_anything_is_applied(
    column: str, kind: str, fresh: Billing, plain: Callable[[], Connection]
) -> None:
    with plain() as sql:
        make_wrong(sql, column, kind)
        dry = fresh("db", "migrate")
        assert (dry.code, misfits(dry)) == (78, [(column, *WRONG[column][:2])])
        assert sentence(column) in dry.stderr and step(column, kind) in dry.stderr
        for option in ("--confirm", "--print"):
            answer = fresh("db", "migrate", option)
            assert (answer.code, answer.document["schema"]) == (78, "billing.error/v1")
            assert sentence(column) in answer.document["message"]
            assert step(column, kind) in answer.document["next_step"]
            assert "db migrate" not in answer.stderr
        assert sql.execute("select to_regclass('billing_schema_migrations')").fetchone() == (None,)
        status = fresh("db", "status")
        assert (status.code, misfits(status)) == (3, misfits(dry))
        assert found_by_doctor(fresh) == [(sentence(column), step(column, kind))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", WRONG)
def test_a_type_that_was_changed_after_the_migrations_is_named(
    column: str, kind: str, billing: Billing, sql: Connection
) -> None:
    make_wrong(sql, column, kind)
    for options, code in ((["migrate"], 78), (["migrate", "--confirm"], 78), (["status"], 3)):
        answer = billing("db", *options)
        assert answer.code == code, options
        assert "db migrate" not in answer.stderr
        if "misfits" in answer.document:
            assert misfits(answer) == [(column, *WRONG[column][:2])]
        else:
            assert sentence(column) in answer.document["message"]
    assert found_by_doctor(billing) == [(sentence(column), step(column, kind))]


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_names_it_over_rest_alone(
    kind: str, billing: Billing, sql: Connection, rest_alone: Callable[[], None]
) -> None:
    rest_alone()
    assert found_by_doctor(billing) == []
    make_wrong(sql, "billing_usage_events.quantity", kind)
    make_wrong(sql, "billing_companies.company_id", kind)
    columns = ("billing_companies.company_id", "billing_usage_events.quantity")
    assert found_by_doctor(billing) == [(sentence(column), step(column, kind)) for column in columns]


@pytest.mark.parametrize("column", WRONG)
def test_the_statement_that_is_printed_mends_a_table(column: str, billing: Billing, sql: Connection) -> None:
    make_wrong(sql, column, "table")
    ((_, mends),) = found_by_doctor(billing)
    sql.execute(mends.removeprefix("In SQL: ").encode())
    assert found_by_doctor(billing) == []
    assert billing("db", "status").code == 0


@pytest.mark.parametrize("column", WRONG)
def test_the_cast_that_is_printed_mends_a_view(column: str, billing: Billing, sql: Connection) -> None:
    relation, _, name = column.partition(".")
    make_wrong(sql, column, "view")
    ((_, mends),) = found_by_doctor(billing)
    cast = mends.removeprefix("Cast the column in the view: ")
    others = [part.split()[0] for part in SHAPES[relation].split(", ")]
    listed = ", ".join(f"{cast} as {name}" if each == name else each for each in others)
    sql.execute(f"drop view {relation}")
    sql.execute(f"create view {relation} as select {listed} from app.{relation}")
    assert found_by_doctor(billing) == []
    assert billing("db", "status").code == 0


@pytest.mark.parametrize(
    ("kind", "mends"),
    [
        ("table", "In SQL: alter table public.billing_payments add column refunded_minor bigint default 0;"),
        ("view", "Add the column refunded_minor to the view, of the type bigint."),
    ],
)
def test_a_column_that_is_missing_is_named(kind: str, mends: str, billing: Billing, sql: Connection) -> None:
    make(sql, "billing_payments", SHAPES["billing_payments"].replace("refunded_minor bigint, ", ""), kind)
    says = "billing_payments has no column refunded_minor, which has to be bigint."
    assert found_by_doctor(billing) == [(says, mends)]
    refused = billing("db", "migrate", "--confirm")
    assert (refused.code, refused.document["message"], refused.document["next_step"]) == (78, says, mends)
    (entry,) = billing("db", "status").document["misfits"]
    assert (entry["column"], entry["type"], entry["wanted"]) == ("refunded_minor", None, "bigint")
    if kind == "table":
        sql.execute(mends.removeprefix("In SQL: ").encode())
        assert billing("db", "migrate", "--confirm").code == 0


@pytest.mark.parametrize("relation", SHAPES)
def test_a_relation_that_was_dropped_is_named(relation: str, billing: Billing, sql: Connection) -> None:
    sql.execute(f"drop table {relation}")
    ((says, mends),) = found_by_doctor(billing)
    assert says == f"There is no relation {relation}."
    assert billing("db", "migrate", "--confirm").code == 78
    (entry,) = billing("db", "status").document["misfits"]
    assert (entry["relation"], entry["column"]) == (relation, None)
    for line in mends.splitlines()[1:]:
        sql.execute(line.removeprefix("In SQL: ").encode())
    assert found_by_doctor(billing) == []


def test_relations_that_the_migrations_will_create_are_not_missed(
    fresh: Billing, plain: Callable[[], Connection]
) -> None:
    dry = fresh("db", "migrate")
    assert (dry.code, dry.document["misfits"]) == (0, [])
    with plain() as sql:
        make_wrong(sql, "billing_payments.amount_minor", "view")
    assert misfits(fresh("db", "status")) == [("billing_payments.amount_minor", "numeric(20,2)", "bigint")]


def test_each_of_several_is_named(billing: Billing, sql: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    for column in ("billing_usage_events.quantity", "billing_payments.amount_minor", "billing_companies.company_id"):
        make_wrong(sql, column, "table")
    refused = billing("db", "migrate", "--confirm")
    for column in ("billing_usage_events.quantity", "billing_payments.amount_minor", "billing_companies.company_id"):
        assert sentence(column) in refused.document["message"]
        assert step(column, "table") in refused.document["next_step"].splitlines()
    assert run(["db", "status"]) == 3
    out = capsys.readouterr().out
    assert step("billing_usage_events.quantity", "table") in out, "on one line, to be copied"


def test_what_follows_from_a_wrong_type_is_not_told_a_second_time(billing: Billing, sql: Connection) -> None:
    make_wrong(sql, "billing_companies.company_id", "table")
    findings = [f for f in billing("doctor").document["findings"] if f["subject"] in ("database", "catalogue", "work")]
    assert {f["check"] for f in findings if f["level"] == "fail"} & {"usage-meters", "company-customers"} == set()
    assert "First settle relation-columns." in {f["next_step"] for f in findings}
    assert "billing doctor" not in json.dumps(findings)


@pytest.mark.parametrize(
    "change",
    [
        "create or replace function billing_companies_summary_v1() returns jsonb language plpgsql as "
        "$$ begin return 1.5::float8 || 'x'::uuid; end $$",
        "drop function billing_companies_summary_v1()",
    ],
)
def test_a_function_that_was_changed_by_hand_does_not_lead_the_doctor_to_itself(
    change: str, billing: Billing, sql: Connection
) -> None:
    sql.execute(change.encode())

    def found() -> dict[str, tuple[str, str]]:
        return {f["check"]: (f["level"], f["next_step"]) for f in billing("doctor").document["findings"]}

    before = found()
    assert before["migrations"] == ("fail", "billing db migrate --confirm")
    assert before["company-plans"][0] in ("fail", "skip") and "billing doctor" not in before["company-plans"][1]
    assert billing("db", "migrate", "--confirm").code == 0
    assert (found()["migrations"][0], found()["company-plans"][0]) == ("pass", "pass")


@pytest.mark.parametrize("transport", ["wire", "rest"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_command_that_fails_because_of_it_leads_to_the_doctor(
    transport: str,
    kind: str,
    billing: Billing,
    sql: Connection,
    rest_alone: Callable[[], None],
) -> None:
    if transport == "rest":
        rest_alone()
    for column in ("billing_usage_events.quantity", "billing_companies.company_id"):
        make_wrong(sql, column, kind)
    sql.execute("grant usage on schema app to service_role; grant select on all tables in schema app to service_role")
    for command in (["export", "--period", "yesterday"], ["timeline", "co_1"], ["refund", "co_1", "pi_1"]):
        answer = billing(*command, *(["--amount", "1", "--reason", "duplicate"] if command[0] == "refund" else []))
        assert answer.code == 78, answer
        assert "billing doctor" in answer.document["next_step"]
        assert "db migrate" not in answer.stderr
