"""Measures `billing db migrate` from 0016 on over 5·10^6 items, and how long an export waits for a table meanwhile.

Run by `make bench`; prints Markdown. Beside it the script of `billing db migrate --print`, which runs in one
transaction and builds the same indexes while exports wait.
"""

import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from measuring import billing, machine, servers

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.domain.migrations import MIGRATION

ITEMS = 5_000_000
LAST = "migrations/0016_keep_last_try_of_intents.sql"
# Batches of 100,000: all done but the newest, whose items are pending. 200 companies, each with its customer.
FILL = """
insert into billing_export_batches
  (batch_id, stripe_account_id, livemode, window_start, window_end, plan_digest, lines_hash, actor, state)
select 'exp_' || n, 'acct_bench', false, now() - interval '34 days', now(), 'd', 'h', 'bench',
       case when n = 0 then 'open' else 'done' end::billing_export_batch_state
from generate_series(0, %(items)s / 100000) n;
insert into billing_export_items
  (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start, quantity, usage_rows, stripe_customer_id,
   event_name, customer_key, value_key, sent_value, event_at, identifier, state, attempts, first_sent_at, settled_at)
select 'exp_' || n / 100000, 'acct_bench', false, 'co_' || n %% 200, m, at, n %% 1000, 3, 'cus_' || n %% 200, m,
       'stripe_customer_id', 'value', n %% 1000, at, 'exp_' || n / 100000 || '-' || n,
       case when n < 100000 then 'pending' else 'accepted' end::billing_export_item_state,
       case when n < 100000 then 0 else 1 end,
       case when n >= 100000 then at + interval '1 day' end, case when n >= 100000 then at + interval '1 day' end
from generate_series(0, %(items)s - 1) n,
     lateral (select case n %% 3 when 0 then 'api_calls' when 1 then 'storage_gb' else 'seats_minutes' end as m,
                     date_trunc('day', now(), 'UTC') - make_interval(hours => n / 600 %% 8760) as at) x;
"""
INSERT = """
insert into billing_export_items
  (batch_id, stripe_account_id, livemode, company_id, meter, bucket_start, quantity, usage_rows, stripe_customer_id,
   event_name, customer_key, value_key, sent_value, event_at, identifier)
values ('exp_0', 'acct_bench', false, 'co_1', 'api_calls', date_trunc('hour', now()), 1, 1, 'cus_1',
        'api_calls', 'stripe_customer_id', 'value', 1, date_trunc('hour', now()), %s)
"""
CLAIM = """
update billing_export_items set state = 'sending', claimed_by = 'r', attempts = attempts + 1, first_sent_at = now()
where item_id in (select item_id from billing_export_items where batch_id = 'exp_0' and state = 'pending'
                  order by item_id limit 5 for update skip locked)
"""


class Export:
    """Inserts an item and claims five, one transaction each, until it is stopped; the seconds of every statement."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self.seconds: list[float] = []

    @contextmanager
    def running(self) -> Iterator["Export"]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stopped.is_set():
                for statement, values in ((INSERT, (uuid.uuid4().hex,)), (CLAIM, None)):
                    started_at = time.perf_counter()
                    connection.execute(statement, values)
                    self.seconds.append(time.perf_counter() - started_at)
                time.sleep(0.005)


def main() -> None:
    print(f"{machine()}\n")
    with servers() as at:
        url = _filled(at.admin_url, "migrated")
        with psycopg.connect(url, autocommit=True) as connection:
            size = connection.execute(
                "select pg_size_pretty(pg_total_relation_size('billing_export_items'))"
            ).fetchone()
        printed = f"{at.admin_url.rsplit('/', 1)[0]}/printed"
        with psycopg.connect(at.admin_url, autocommit=True) as connection:
            connection.execute("create database printed template migrated strategy file_copy")
        print(f"{ITEMS:,} items, {size[0] if size else ''} with their indexes\n")
        print("| from 0016 on | s | statements meanwhile | median ms | longest ms |\n|---|--:|--:|--:|--:|")
        _measure("nothing", url, lambda: time.sleep(5))
        _measure("billing db migrate", url, lambda: billing(url, at.stripe_url, ["db", "migrate", "--confirm"]))
        _measure("billing db migrate --print, in one transaction", printed, lambda: _script(printed))


def _filled(admin_url: str, name: str) -> str:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    url = f"{admin_url.rsplit('/', 1)[0]}/{name}"
    migrator = PostgresMigrator(url)
    older = [file for file in migrator.files() if file.kind == MIGRATION and file.name <= LAST]
    migrator.apply(older, "bench")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in FILL.split(";\n")[:2]:
            connection.execute(statement.encode(), {"items": ITEMS})
        connection.execute("vacuum analyze billing_export_items")
    return url


def _script(url: str) -> None:
    migrator = PostgresMigrator(url)
    applied = migrator.applied()
    with psycopg.connect(url) as connection:
        connection.execute(migrator.script([f for f in migrator.files() if f.name not in applied], "bench").encode())


def _measure(name: str, url: str, work: Callable[[], object]) -> None:
    with Export(url).running() as export:
        started_at = time.perf_counter()
        work()
        seconds = time.perf_counter() - started_at
    waits = export.seconds
    print(
        f"| {name} | {seconds:.1f} | {len(waits):,} | {statistics.median(waits) * 1000:.1f} | {max(waits) * 1000:,.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
