"""Claims and settlements find their items by index, however many others there are and whatever statistics say."""

import pytest
from psycopg.types.json import Jsonb
from support.usage import Connection

ITEMS, CLAIMED, AT_ONCE = 6000, 4000, 100


@pytest.fixture
def batch(sql: Connection) -> str:
    """A batch that was sent for the most part after its statistics were taken."""
    sql.execute(
        "insert into billing_export_batches "
        "(batch_id, stripe_account_id, livemode, window_start, window_end, plan_digest, lines_hash, actor) "
        "values ('b', 'acct_1', false, '2026-10-01Z', '2026-11-01Z', 'd', 'h', 'tests')"
    )
    sql.execute(
        """
        insert into billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start,
          quantity, usage_rows, stripe_customer_id, event_name, customer_key, value_key, backend, sent_value, event_at,
          identifier)
        select 'b', 'acct_1', false, 'co_' || n, 'api_calls', '2026-10-01Z', 1, 1, 'cus_' || n, 'api_calls',
               'customer', 'value', 'stream', 1, '2026-10-01Z', 'b-' || n
        from generate_series(1, %s) n
        """,
        (ITEMS,),
    )
    sql.execute("alter table billing_export_items set (autovacuum_enabled = off)")
    sql.execute("analyze billing_export_items")
    sql.execute("select billing_batch_acquire_v2('b', 'r', 'tests')")
    claim(sql, CLAIMED)
    return "b"


def claim(sql: Connection, limit: int) -> list[int]:
    row = sql.execute("select billing_batch_claim_v2('b', 'r', 'tests', 'stream', %s)", (limit,)).fetchone()
    assert row is not None
    return [item["item_id"] for item in row[0]["items"]]


def settle(sql: Connection, item_ids: list[int]) -> int:
    results = [{"item_id": item_id, "outcome": "accepted", "tries": 1} for item_id in item_ids]
    row = sql.execute("select billing_batch_settle_v1('b', 'r', 'tests', %s)", (Jsonb(results),)).fetchone()
    assert row is not None
    return int(row[0]["settled"])


def rows_read(sql: Connection) -> int:
    """Of the items, on this connection."""
    sql.execute("select pg_stat_clear_snapshot()")
    row = sql.execute(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'billing_export_items'"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.usefixtures("batch")
def test_a_claim_reads_what_it_takes_and_not_what_is_under_way_or_done(sql: Connection) -> None:
    before = rows_read(sql)
    assert len(claim(sql, AT_ONCE)) == AT_ONCE
    assert rows_read(sql) - before <= 4 * AT_ONCE


@pytest.mark.usefixtures("batch")
def test_a_settlement_reads_what_it_settles_and_not_what_is_under_way(sql: Connection) -> None:
    taken = claim(sql, AT_ONCE)
    before = rows_read(sql)
    assert settle(sql, taken) == AT_ONCE
    assert rows_read(sql) - before <= 4 * AT_ONCE


@pytest.mark.usefixtures("batch")
def test_items_are_claimed_in_order_once_and_orphans_first(sql: Connection) -> None:
    first = claim(sql, AT_ONCE)
    assert first == list(range(min(first), min(first) + AT_ONCE))
    sql.execute("update billing_export_items set claimed_by = null where item_id = any (%s)", (first[:3],))
    assert claim(sql, 5) == [*first[:3], max(first) + 1, max(first) + 2]
    maybe_sent = sql.execute(
        "select count(*) from billing_export_items where state = 'sending' and attempts = 2"
    ).fetchone()
    assert maybe_sent == (3,)
