"""One port, two transports: the same answers and the same errors over the wire and over REST."""

from datetime import UTC, datetime, timedelta

import pytest
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
        "billing_export_preview_v1",
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
        "billing_export_preview_v1",
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


def test_a_missing_function_names_the_migration(database: Database) -> None:
    with pytest.raises(Misconfigured) as caught:
        database.call("billing_from_the_future_v1", p_x=1)
    assert "billing db migrate --confirm" in caught.value.next_step


def test_a_slow_query_is_try_later(database: Database, sql: Connection) -> None:
    sql.execute(
        "create function billing_slow_v1() returns jsonb language plpgsql as "
        "$$ begin raise exception 'canceling statement due to statement timeout' using errcode = '57014'; end $$"
    )
    with pytest.raises(Unavailable, match="too long"):
        database.call("billing_slow_v1")


@pytest.mark.parametrize("url", ["postgresql://u:s3cretpw@127.0.0.1:1/db"])
def test_an_unreachable_server_over_the_wire(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        PostgresDatabase(url).call("billing_batches_list_v1")
    assert "s3cretpw" not in str(caught.value)


def test_an_unreachable_server_over_rest() -> None:
    with pytest.raises(Unavailable) as caught:
        SupabaseDatabase("http://127.0.0.1:1", "s3cretkey").call("billing_batches_list_v1")
    assert "s3cretkey" not in str(caught.value)


def test_a_wrong_password_is_a_setting_to_correct(db_url: str) -> None:
    user, host = db_url.split("@")
    with pytest.raises(Misconfigured):
        PostgresDatabase(f"{user}WRONG@{host}").call("billing_batches_list_v1")


def test_a_wrong_key_is_a_setting_to_correct(rest: PostgrestDouble) -> None:
    with pytest.raises(Misconfigured):
        SupabaseDatabase(rest.url, "no-such-key").call("billing_batches_list_v1")


@pytest.mark.parametrize("fault", ["503", "reset", "lost_reply"])
def test_a_gateway_fault_is_try_later_and_the_next_call_works(fault: str, rest: PostgrestDouble) -> None:
    database = SupabaseDatabase(rest.url, rest.service_key)
    rest.faults["billing_batches_list_v1"] = [fault]
    with pytest.raises(Unavailable):
        database.call("billing_batches_list_v1")
    assert database.call("billing_batches_list_v1") == []


def test_a_broken_connection_heals_on_the_next_call(db_url: str, sql: Connection) -> None:
    database = PostgresDatabase(db_url)
    database.call("billing_batches_list_v1")
    sql.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'billing'")
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
        ("08006", Unavailable),
        ("42501", Misconfigured),
        ("22012", errors.Fault),
    ],
)
def test_sqlstates_have_one_meaning(code: str, kind: type[errors.BillingError]) -> None:
    assert type(domain_error(code, "it failed", None)) is kind
