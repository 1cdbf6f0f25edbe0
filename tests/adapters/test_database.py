"""One port, two transports: the same answers and the same errors over the wire and over REST."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.conninfo import make_conninfo
from support.postgrest import PostgrestDouble
from support.usage import Connection

from billing_cli.adapters.database.errors import domain_error
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.adapters.database.supabase import SupabaseDatabase
from billing_cli.domain import errors
from billing_cli.domain.errors import BadInput, LeaseLost, Misconfigured, Unavailable
from billing_cli.domain.ports import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
METERS = [{"meter": "api_calls", "event_name": "api_calls", "customer_key": "c", "value_key": "v", "problem": None}]


def preview(database: Database) -> dict[str, object]:
    answer: dict[str, object] = database.call(
        "billing_export_preview_v3",
        p_account="acct_1",
        p_livemode=False,
        p_start=START.isoformat(),
        p_end=(START + timedelta(days=60)).isoformat(),
        p_meters=METERS,
    )
    return answer


def test_a_document_arrives_whole_with_every_digit(database: Database, sql: Connection) -> None:
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
        "select 'co_' || n, 'api_calls', 0.123456789012345678901234567890, '2026-01-02' from generate_series(1, 1500) n"
    )
    sql.execute(
        "insert into billing_companies (company_id, stripe_customer_id) select 'co_' || n, 'cus_' || n "
        "from generate_series(1, 1500) n"
    )
    skipped = preview(database)["skipped"]
    assert isinstance(skipped, list)
    assert [(s["reason"], s["usage_rows"]) for s in skipped] == [("too_old", 1500)]
    assert skipped[0]["quantity"] == "185.185183518518518351851851835"


def test_more_than_a_thousand_groups_are_not_cut(database: Database, sql: Connection) -> None:
    sql.execute(
        "insert into billing_companies (company_id, stripe_customer_id) select 'co_' || n, 'cus_' || n "
        "from generate_series(1, 1500) n"
    )
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
        "select 'co_' || n, 'api_calls', 1, now() - interval '1 day' from generate_series(1, 1500) n"
    )
    now = datetime.now(UTC)
    answer = database.call(
        "billing_export_preview_v3",
        p_account="a",
        p_livemode=False,
        p_start=(now - timedelta(days=3)).isoformat(),
        p_end=now.isoformat(),
        p_meters=METERS,
    )
    assert len(answer["groups"]) == 1500


def test_errors_of_ours_arrive_as_themselves(database: Database) -> None:
    with pytest.raises(BadInput, match="no batch exp_none") as caught:
        database.call("billing_batch_show_v1", p_batch_id="exp_none")
    assert caught.value.next_step == "See: billing batches list"
    with pytest.raises(LeaseLost):
        database.call("billing_batch_heartbeat_v1", p_batch_id="exp_none", p_runner="me")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("BL001", errors.PlanChanged),
        ("BL002", errors.LockHeld),
        ("BL003", LeaseLost),
        ("BL004", BadInput),
        ("BL005", Misconfigured),
    ],
)
def test_sentence_and_next_step_survive_either_transport(
    code: str, kind: type[errors.BillingError], local: Database, sql: Connection
) -> None:
    sql.execute(
        "create function billing_refuse_v1() returns jsonb language plpgsql as $$ begin "
        f"raise exception 'It is not so.' using errcode = '{code}', hint = 'Do otherwise.'; end $$"
    )
    with pytest.raises(errors.BillingError) as caught:
        local.call("billing_refuse_v1")
    assert (type(caught.value), caught.value.message, caught.value.next_step) == (
        kind,
        "It is not so.",
        "Do otherwise.",
    )


def test_arguments_of_every_kind_arrive_as_they_are(local: Database, sql: Connection) -> None:
    sql.execute(
        "create function billing_echo_v1(a text, b bigint, c boolean, d text, e jsonb, f timestamptz, g numeric) "
        "returns jsonb language sql as $$ select jsonb_build_array(a, b, c, d, e, f, g::text) $$"
    )
    nested = {"name": 'Zoë "%s" \\', "list": [1, None, True], "quantity": "0.10"}
    answer = local.call(
        "billing_echo_v1", a="it's %", b=2**53 + 1, c=False, d=None, e=nested, f="2026-01-01T00:00:00+00:00", g="1.50"
    )
    assert answer == ["it's %", 2**53 + 1, False, None, nested, "2026-01-01T00:00:00+00:00", "1.50"]


def test_a_missing_function_names_the_migration(database: Database) -> None:
    with pytest.raises(Misconfigured) as caught:
        database.call("billing_from_the_future_v1", p_x=1)
    assert "billing db migrate --confirm" in caught.value.next_step


@pytest.mark.parametrize(
    "change",
    [
        "drop table billing_companies",
        "alter table billing_companies rename column plan_id to plan",
        "alter table billing_companies alter column company_id type bigint using null",
        "alter table billing_companies alter column plan_id type uuid using null",
    ],
)
def test_a_relation_that_does_not_fit_leads_to_the_doctor_and_not_to_a_migration(
    change: str, local: Database, sql: Connection
) -> None:
    sql.execute(change.encode())
    with pytest.raises(errors.DoesNotFit) as caught:
        local.call("billing_timeline_company_v1", p_company_id="co_1")
    assert "billing doctor" in caught.value.next_step
    assert "db migrate" not in caught.value.message + caught.value.next_step


def test_an_unmigrated_database_names_the_migration(plain_db_url: str) -> None:
    double = PostgrestDouble(plain_db_url)
    opened: list[Database] = [PostgresDatabase(plain_db_url), SupabaseDatabase(double.url, double.service_key)]
    for database in opened:
        with pytest.raises(Misconfigured) as caught:
            database.call("billing_batches_list_v1")
        assert "billing db migrate --confirm" in caught.value.next_step
        database.close()
    double.stop()


def test_a_query_stopped_by_the_server_is_try_later(local: Database, sql: Connection) -> None:
    sql.execute(
        "create function billing_slow_v1() returns jsonb language plpgsql as "
        "$$ begin perform pg_sleep(20); return '1'; end $$"
    )
    sql.execute(f"alter database {sql.info.dbname} set statement_timeout = '200ms'")
    with pytest.raises(Unavailable, match="too long"):
        local.call("billing_slow_v1")
    assert local.call("billing_batches_list_v1") == []


def test_an_unreachable_server_over_the_wire() -> None:
    refuses_silently(PostgresDatabase("postgresql://u:s3cret@127.0.0.1:1/db"), Unavailable)


def test_an_unreachable_server_over_rest() -> None:
    refuses_silently(SupabaseDatabase("http://127.0.0.1:1", "s3cret"), Unavailable)


def test_a_wrong_password_is_a_setting_to_correct(db_url: str) -> None:
    host = db_url.split("@")[1]
    refuses_silently(PostgresDatabase(f"postgresql://postgres:s3cret@{host}"), Misconfigured)


def test_an_unknown_user_is_a_setting_to_correct(db_url: str) -> None:
    host = db_url.split("@")[1]
    refuses_silently(PostgresDatabase(f"postgresql://nobody:s3cret@{host}"), Misconfigured)


def test_an_unknown_database_is_a_setting_to_correct(db_url: str) -> None:
    refuses_silently(PostgresDatabase(f"{db_url}_s3cret"), Misconfigured)


def test_a_wrong_key_is_a_setting_to_correct(rest: PostgrestDouble) -> None:
    refuses_silently(SupabaseDatabase(rest.url, "s3cret"), Misconfigured)


def refuses_silently(database: Database, kind: type[errors.BillingError]) -> None:
    with pytest.raises(kind) as caught:
        database.call("billing_batches_list_v1")
    assert caught.value.next_step
    assert "s3cret" not in f"{caught.value.message} {caught.value.next_step} {caught.value!r}"
    assert caught.value.__cause__ is None
    database.close()


@pytest.mark.parametrize("fault", ["503", "reset", "lost_reply"])
def test_a_gateway_fault_is_try_later_and_the_next_call_works(fault: str, rest: PostgrestDouble) -> None:
    database = SupabaseDatabase(rest.url, rest.service_key)
    rest.faults["billing_batches_list_v1"] = [fault]
    with pytest.raises(Unavailable):
        database.call("billing_batches_list_v1")
    assert database.call("billing_batches_list_v1") == []


def test_a_lost_reply_was_committed(rest: PostgrestDouble, sql: Connection) -> None:
    sql.execute("create table note (n int); grant insert on note to service_role")
    sql.execute(
        "create function billing_note_v1() returns jsonb language sql as "
        "$$ insert into public.note values (1) returning '1'::jsonb $$"
    )
    database = SupabaseDatabase(rest.url, rest.service_key)
    for fault, count in (("reset", 0), ("lost_reply", 1)):
        rest.faults["billing_note_v1"] = [fault]
        with pytest.raises(Unavailable):
            database.call("billing_note_v1")
        # Exactly: the client must not repeat by itself what may have been done.
        assert sql.execute("select count(*) from note").fetchone() == (count,)
    database.close()


def test_a_broken_connection_heals_on_the_next_call(db_url: str, sql: Connection) -> None:
    database = PostgresDatabase(db_url)
    database.call("billing_batches_list_v1")
    sql.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'billing' and datname = current_database()"
    )
    with pytest.raises(Unavailable):
        database.call("billing_batches_list_v1")
    assert database.call("billing_batches_list_v1") == []
    database.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("BL001", errors.PlanChanged),
        ("BL002", errors.LockHeld),
        ("40001", Unavailable),
        ("53300", Unavailable),
        ("53400", Unavailable),
        ("08006", Unavailable),
        ("42501", Misconfigured),
        ("42883", errors.DoesNotFit),
        ("42804", errors.DoesNotFit),
        ("42703", errors.DoesNotFit),
        ("42P01", errors.DoesNotFit),
        ("42P13", errors.DoesNotFit),
        ("22P02", errors.DoesNotFit),
        ("PGRST202", errors.NotMigrated),
        ("22012", errors.Fault),
    ],
)
def test_sqlstates_have_one_meaning(code: str, kind: type[errors.BillingError]) -> None:
    assert type(domain_error(code, "it failed", None)) is kind


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("53100", "disk is full"),
        ("53200", "out of memory"),
        ("53300", "no free connection"),
        ("53400", "configuration limit exceeded"),
        ("08006", "cannot be reached"),
    ],
)
def test_what_the_database_ran_out_of_is_said(code: str, said: str) -> None:
    assert said in domain_error(code, "configuration limit exceeded", None).message


@pytest.mark.parametrize("wrong", ["5432abc/x", "99999/x", "1/x?sslmode=nope", "1/x?nope=1"])
def test_an_address_that_libpq_refuses_is_a_matter_of_settings(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be read as an address"):
        PostgresDatabase(f"postgresql://u:p@127.0.0.1:{wrong}").call("billing_batches_list_v1")


def test_a_server_that_takes_no_more_connections_says_so(sql: Connection, db_url: str) -> None:
    role = f"crowded_{os.urandom(4).hex()}"
    sql.execute(f"create role {role} login password 'p4ssw0rd' connection limit 0")
    try:
        database = PostgresDatabase(make_conninfo(db_url, user=role, password="p4ssw0rd"))
        with pytest.raises(Unavailable, match="no free connection"):
            database.call("billing_batches_list_v1")
    finally:
        sql.execute(f"drop role {role}")
