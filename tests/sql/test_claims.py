"""Claims and settlements find their items by index, however many others there are and whatever statistics say."""

from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb
from support.usage import Connection

ITEMS, CLAIMED, AT_ONCE = 6000, 4000, 100
# By customer and hour: a last value that a later one may have taken the place of.
LAST = Jsonb(["api_calls"])

Claim = Callable[[int], list[int]]


@pytest.fixture(params=["export", "rollback"])
def work(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def claim(work: str, sql: Connection) -> Claim:
    """Takes items of a batch whose work went on for the most part after its statistics were taken."""
    state, batch_state, outcome = {
        "export": ("pending", "open", "accepted"),
        "rollback": ("accepted", "rolling_back", "cancelled"),
    }[work]
    sql.execute(
        "insert into billing_export_batches "
        "(batch_id, stripe_account_id, livemode, window_start, window_end, plan_digest, lines_hash, actor, state) "
        "values ('b', 'acct_1', false, '2026-10-01Z', '2026-11-01Z', 'd', 'h', 'tests', %s)",
        (batch_state,),
    )
    sql.execute(
        """
        insert into billing_export_items (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start,
          quantity, usage_rows, stripe_customer_id, event_name, customer_key, value_key, backend, sent_value, event_at,
          identifier, state, replaces, first_sent_at)
        select 'b', 'acct_1', false, 'co_' || n, 'api_calls', '2026-10-01Z', 1, 1, 'cus_' || n, 'api_calls',
               'customer', 'value', 'stream', 1, '2026-10-01Z', 'b-' || n, %(state)s::billing_export_item_state,
               %(sent)s, case when %(sent)s then now() end
        from generate_series(1, %(items)s) n
        """,
        {"items": ITEMS, "state": state, "sent": state == "accepted"},
    )
    sql.execute("alter table billing_export_items set (autovacuum_enabled = off)")
    sql.execute("analyze billing_export_items")
    sql.execute("select billing_batch_acquire_v2('b', 'r', 'tests')")

    def claim(limit: int) -> list[int]:
        if work == "export":
            answer = sql.execute("select billing_batch_claim_v2('b', 'r', 'tests', 'stream', %s)", (limit,))
        else:
            answer = sql.execute("select billing_rollback_claim_v1('b', 'r', 'tests', %s, %s)", (LAST, limit))
        return [item["item_id"] for item in answer.fetchall()[0][0]["items"]]

    settle(sql, claim(CLAIMED // 2), outcome)
    claim(CLAIMED // 2)
    return claim


def settle(sql: Connection, item_ids: list[int], outcome: str) -> int:
    results = [{"item_id": item_id, "outcome": outcome, "tries": 1} for item_id in item_ids]
    answer = sql.execute("select billing_batch_settle_v1('b', 'r', 'tests', %s)", (Jsonb(results),))
    return int(answer.fetchall()[0][0]["settled"])


def rows_read(sql: Connection) -> int:
    """Of the items, on this connection."""
    sql.execute("select pg_stat_clear_snapshot()")
    row = sql.execute(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'billing_export_items'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_claim_reads_what_it_takes_and_not_what_is_under_way_or_done(claim: Claim, sql: Connection) -> None:
    before = rows_read(sql)
    assert len(claim(AT_ONCE)) == AT_ONCE
    assert rows_read(sql) - before <= 4 * AT_ONCE


def test_a_settlement_reads_what_it_settles_and_not_what_is_under_way(claim: Claim, sql: Connection) -> None:
    taken = claim(AT_ONCE)
    before = rows_read(sql)
    assert settle(sql, taken, "unsent") == AT_ONCE
    assert rows_read(sql) - before <= 4 * AT_ONCE


def test_items_are_claimed_in_order_once_and_orphans_first(claim: Claim, work: str, sql: Connection) -> None:
    first = claim(AT_ONCE)
    assert first == list(range(min(first), min(first) + AT_ONCE))
    sql.execute("update billing_export_items set claimed_by = null where item_id = any (%s)", (first[:3],))
    assert claim(5) == [*first[:3], max(first) + 1, max(first) + 2]
    # A rollback asks again under the key it had, which the number of attempts is a part of.
    tried_twice = sql.execute("select count(*) from billing_export_items where attempts = 2").fetchone()
    assert tried_twice == (3 if work == "export" else 0,)


@pytest.mark.parametrize("work", ["rollback"], indirect=True)
def test_a_claim_passes_once_over_what_cannot_be_cancelled(claim: Claim, sql: Connection) -> None:
    first_left = max(claim(1)) + 1
    sql.execute(
        "update billing_export_items set first_sent_at = now() - interval '1 day' where item_id between %s and %s",
        (first_left, first_left + 998),
    )
    assert claim(1) == [first_left + 999]
    before = rows_read(sql)
    assert claim(1) == [first_left + 1000]
    assert rows_read(sql) - before <= 4
