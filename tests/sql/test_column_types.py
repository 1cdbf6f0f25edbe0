"""The types that are accepted for a deployment's columns: with each of them, every function answers the same."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.usage import YESTERDAY, Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.deployment import CREATED_BY, RELATIONS, misfits_of, relations_found
from billing_cli.domain.ports import Database
from billing_cli.usecases.migrations import apply_pending, misfits

ROOT = Path(__file__).parents[2]
ACCEPTED = {
    "text": ["varchar", "varchar(64)", "words", "short_words", "words_of_words"],
    "numeric": ["numeric(30,9)", "amount"],
    "bigint": ["integer", "smallint", "number"],
    "timestamptz": ["timestamptz(3)", "moment"],
}
DOMAINS = """
create domain words as text check (value <> 'never'); create domain short_words as varchar(64);
create domain words_of_words as words; create domain amount as numeric; create domain number as int;
create domain moment as timestamptz;
"""
ROWS = """
insert into billing_companies values ('co_1', 'One', 'cus_1', 'starter'), ('co_2', 'Two', null, null),
  ('co_3', 'Three', 'cus_3', '');
insert into billing_usage_events
select n, 'co_' || 1 + n % 3, case n % 2 when 0 then 'api_calls' else 'seats' end, n + 0.25,
  DAY + make_interval(mins => 7 * n::int), DAY, 'source_' || n from generate_series(1, 150) n;
insert into billing_payments values ('pi_1', 'co_1', 12000, 5, 'usd', 'succeeded', DAY),
  ('pi_2', 'co_2', 1, 0, 'eur', 'failed', null), ('', 'co_3', 7, null, null, null, DAY);
insert into billing_invoices values ('in_1', 'co_1', 'A-1', 'open', 'usd', 12000, 0, DAY),
  ('in_2', 'co_2', null, 'paid', 'eur', 5, 5, null);
"""
ROUTE = {"problem": None, "customer_key": "c", "value_key": "v", "backend": "events", "replaces": False, "unit": 1}
METERS = json.dumps(
    [
        {"meter": "api_calls", "event_name": "api_calls", "bucket": "hour", "aggregation": "sum", **ROUTE},
        {"meter": "seats", "event_name": "seats", "bucket": "day", "aggregation": "last", **ROUTE},
    ]
)
WINDOW = f"'{YESTERDAY}'::timestamptz, '{YESTERDAY}'::timestamptz + interval '1 day'"
OPENED = (
    f"billing_export_open_v3('acct_1', false, {WINDOW}, '{METERS}', null, null, false, false, 'hold', null, "
    "'digest', '{hash}', 'tester', 'runner')"
)
STORED = [
    {"event_id": "evt_1", "event_type": "invoice.paid", "thin": False, "livemode": False, "account_id": None,
     "created_at": f"{YESTERDAY}", "api_version": None, "object_id": "in_1", "customer_id": "cus_1", "payload": "{}"},
]  # fmt: skip
# Each function that reads or writes one of the four, by a call of it or of one that calls it.
CALLS = {
    "billing_export_preview_v3": f"billing_export_preview_v3('acct_1', false, {WINDOW}, '{METERS}')",
    "of a company": f"billing_export_preview_v3('acct_1', false, {WINDOW}, '{METERS}', 'co_1', 'api_calls')",
    "billing_export_customers_v2": f"billing_export_customers_v2('acct_1', false, {WINDOW}, '{METERS}')",
    "billing_reconcile_usage_v1": f"billing_reconcile_usage_v1('acct_1', false, {WINDOW}, '{METERS}')",
    "billing_reconcile_payments_v1": f"billing_reconcile_payments_v1({WINDOW})",
    "the page after it": f"billing_reconcile_payments_v1({WINDOW}, 'pi_0', 1)",
    "billing_reconcile_payments_by_id_v1": """billing_reconcile_payments_by_id_v1('["pi_1"]')""",
    "billing_reconcile_invoices_v1": f"billing_reconcile_invoices_v1({WINDOW})",
    "billing_reconcile_customers_v2": f"billing_reconcile_customers_v2('acct_1', false, {WINDOW})",
    "billing_timeline_company_v1": "billing_timeline_company_v1('co_1')",
    "billing_timeline_v2": "billing_timeline_v2('co_1')",
    "billing_webhook_company_v1": "billing_webhook_company_v1('cus_1', 'pi_1')",
    "of the payment alone": "billing_webhook_company_v1(null, 'pi_2')",
    "billing_payments_known_v1": """billing_payments_known_v1('["pi_1", "pi_2"]')""",
    "billing_invoices_known_v1": """billing_invoices_known_v1('["in_1", "in_2"]')""",
    "billing_company_v1": "billing_company_v1('co_1')",
    "billing_companies_by_customer_v1": """billing_companies_by_customer_v1('["cus_1", "cus_3"]')""",
    "billing_companies_summary_v1": "billing_companies_summary_v1()",
    "billing_complete_companies_v1": "billing_complete_companies_v1('co', 10)",
    "billing_complete_payments_v1": "billing_complete_payments_v1('pi', 10, 'co_1')",
    "billing_complete_invoices_v1": "billing_complete_invoices_v1('in', 10)",
    "billing_doctor_usage_v1": "billing_doctor_usage_v1(72)",
    "billing_intent_mirror_v1": "billing_intent_mirror_v1(null, "
    """'{"payment_intent_id": "pi_1", "refunded_minor": 1250}')""",
    "of an invoice": "billing_intent_mirror_v1(null, " """'{"invoice_id": "in_1", "amount_paid_minor": 12000}')""",
}
# Read by way of others: the preview, the reconciliation, the doctor and the opening of a batch. Rollbacks have tests.
CALLED_BY_OTHERS = {
    "billing_rollback_preview_v1",
    "billing_export_lines_v3",
    "billing_export_chosen_v1",
    "billing_doctor_odd_rows_v1",
}
# They name the four, and read no row of them.
NAMING_ONLY = {"billing_doctor_doors_v2"}


def answers(sql: Connection) -> dict[str, Any]:
    """The answers of all calls to the same rows, then the items of a batch and the contents of the four relations."""
    sql.execute(ROWS.replace("DAY", f"'{YESTERDAY}'::timestamptz").encode())
    found = {name: value(sql, f"select to_jsonb({call})") for name, call in CALLS.items()}
    lines_hash = found["billing_export_preview_v3"]["lines_hash"]
    opened = value(sql, f"select {OPENED.replace('{hash}', lines_hash)}")
    found["opened"] = opened["items"]
    found["items"] = value(
        sql,
        "select jsonb_agg(to_jsonb(i) - array['batch_id', 'identifier', 'item_id'] order by company_id, meter, bucket_start) "
        "from billing_export_items i",
    )
    for relation, columns in RELATIONS.items():
        listed = ", ".join(f"'{column}', {column}" for column in columns)
        found[relation] = value(sql, f"select jsonb_agg(jsonb_build_object({listed}) order by 1) from {relation}")
    for name in ("billing_export_preview_v3", "of a company"):
        del found[name]["now"]
    return found


def value(sql: Connection, query: str) -> Any:
    row = sql.execute(query.encode()).fetchone()
    assert row
    return row[0]


def make_relations(sql: Connection, wanted: str, other: str) -> None:
    """The four, with the other type in place of the one that is wanted."""
    sql.execute(DOMAINS)
    for relation, columns in RELATIONS.items():
        types = {column: what.split()[0] for column, what in columns.items()}
        shape = ", ".join(f"{column} {other if each == wanted else each}" for column, each in types.items())
        sql.execute(f"create table {relation} ({shape})".encode())


@pytest.mark.parametrize(
    ("wanted", "accepted"), [(wanted, each) for wanted, kinds in ACCEPTED.items() for each in kinds]
)
def test_every_function_answers_the_same(wanted: str, accepted: str, db_url: str, plain_db_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as sql:
        usual = answers(sql)
    with psycopg.connect(plain_db_url, autocommit=True) as sql:
        make_relations(sql, wanted, accepted)
        assert misfits(PostgresMigrator(plain_db_url)) == []
        apply_pending(PostgresMigrator(plain_db_url), "tests")
        assert answers(sql) == usual
    assert usual["opened"] > 0 and usual["items"] and len(usual["billing_timeline_v2"]["entries"]) > 2


def test_of_padded_text_they_answer_otherwise(db_url: str, plain_db_url: str) -> None:
    with psycopg.connect(db_url, autocommit=True) as sql:
        usual = answers(sql)
    with psycopg.connect(plain_db_url, autocommit=True) as sql:
        make_relations(sql, "text", "char(20)")
        migrator = PostgresMigrator(plain_db_url)
        assert {misfit.wanted for misfit in misfits(migrator)} == {"text"}
        migrator.apply(migrator.files(), "tests")
        assert answers(sql) != usual


def test_no_function_that_reads_the_four_is_left_out(sql: Connection) -> None:
    names = "|".join(RELATIONS)
    found = sql.execute("select proname from pg_proc where prosrc ~ %s", (rf"\m({names})\M",)).fetchall()
    assert {name for (name,) in found} == {n for n in CALLS if n.startswith("billing_")} - {
        "billing_reconcile_usage_v1"
    } | CALLED_BY_OTHERS | NAMING_ONLY


def test_the_list_is_what_the_migration_creates() -> None:
    text = (ROOT / "sql" / CREATED_BY).read_text(encoding="utf-8")
    created = dict(re.findall(r"\('(billing_\w+)', \$t\$\(\s*(.*?)\)\$t\$\)", text, re.DOTALL))
    listed = {name: [f"{c} {what}" for c, what in columns.items()] for name, columns in RELATIONS.items()}
    assert {name: re.split(r",\s+", columns) for name, columns in created.items()} == listed


def test_the_list_is_what_the_documentation_shows() -> None:
    page = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(billing_\w+)` \| `([^`]*)` \|$", page, re.MULTILINE))
    listed = {
        name: ", ".join(
            f"{c} {what.replace(' generated by default as', '').replace(' primary key', '')}"
            for c, what in columns.items()
        )
        for name, columns in RELATIONS.items()
    }
    assert shown == listed


def test_the_migrations_and_the_function_see_the_same(database: Database, db_url: str, sql: Connection) -> None:
    sql.execute("alter table billing_payments alter column currency type char(3)")
    seen = relations_found(database.call("billing_doctor_relations_v1"))
    assert seen == PostgresMigrator(db_url).relations()
    assert set(RELATIONS) < set(seen)
    (misfit,) = misfits_of(seen, {CREATED_BY: ""})
    assert misfit.says == "billing_payments.currency is character(3), and has to be text."


def test_a_relation_in_another_schema_is_none_of_them(plain_db_url: str) -> None:
    with psycopg.connect(plain_db_url, autocommit=True) as sql:
        sql.execute("create schema app; create table app.billing_companies (company_id bigint)")
    assert misfits(PostgresMigrator(plain_db_url)) == []
    database = PostgresDatabase(plain_db_url)
    apply_pending(PostgresMigrator(plain_db_url), "tests")
    assert database.call("billing_companies_summary_v1")["companies"] == 0
    database.close()
