"""Several processes on one batch: they join, leave, die, are stopped, and keep to one budget."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from support.environment import wire_environment
from support.processes import Start, billing_processes
from support.stripe_control import StripeDouble
from support.usage import Connection, add_much_usage, owed

from .conftest import DAY, Billing

COMMAND = [sys.executable, "-m", "billing_cli", "--quiet"]
EXPORT = ["export", "--start", DAY, "--end", DAY, "--confirm"]
METER_EVENTS = "/v1/billing/meter_events"
EVENTS = 3 * 2 * 24
TOO_LONG_S = 60


@pytest.fixture
def start(billing: Billing, db_url: str, sql: Connection, stripe: StripeDouble) -> Iterator[Start]:
    """Starts `billing export …` in a process of its own, with a day of usage to send."""
    add_much_usage(sql, companies=3, hours=24)
    with billing_processes(wire_environment(db_url, stripe.url), "--quiet", *EXPORT) as begin:
        yield begin


@pytest.fixture
def three(start: Start, sql: Connection, stripe: StripeDouble) -> subprocess.Popen[str]:
    """A run with two workers, all three in the middle of a batch that would take a minute."""
    stripe.fault(kind="delay", delay_s=1, endpoint=METER_EVENTS)
    process = start("--workers", "3")
    until(lambda: len(pids(sql)) == 3 and claimants(sql) == 3)
    return process


def until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + TOO_LONG_S
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def pids(sql: Connection) -> list[int]:
    """Of the runners, in the order in which they joined."""
    rows = sql.execute("select runner from billing_export_runners order by joined_at").fetchall()
    return [int(runner.split("/")[-2]) for (runner,) in rows]


def claimants(sql: Connection) -> int:
    rows = sql.execute("select distinct claimed_by from billing_export_items where state = 'sending'").fetchall()
    return len(rows)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def assert_billed_exactly(sql: Connection, stripe: StripeDouble) -> None:
    events = stripe.events()
    identifiers = {event["identifier"] for event in events}
    assert len(identifiers) == len(events) == EVENTS
    billed: dict[tuple[str, str], Decimal] = {}
    for event in events:
        key = (event["event_name"], event["customer"])
        billed[key] = billed.get(key, Decimal(0)) + Decimal(event["value"])
    assert {key: value.normalize() for key, value in billed.items()} == owed(sql)
    assert sql.execute("select distinct state::text from billing_export_items").fetchall() == [("accepted",)]
    assert sql.execute("select state::text from billing_export_batches").fetchall() == [("done",)]
    assert pids(sql) == []


def test_workers_that_are_killed_or_leave_are_made_up_for_and_nothing_is_sent_twice(
    three: subprocess.Popen[str], billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    parent, killed, leaving = pids(sql)
    assert parent == three.pid
    batch_id = billing("batches", "list").document["batches"][0]["batch_id"]
    assert billing("batches", "show", batch_id).document["batch"]["runners"] == 3
    alone = export()
    assert alone.code == 75
    assert "Another run" in alone.stderr
    os.kill(killed, signal.SIGKILL)
    os.kill(leaving, signal.SIGINT)
    until(lambda: pids(sql) == [parent])
    stripe.heal()
    out, err = three.communicate(timeout=TOO_LONG_S)
    assert three.returncode == 0, err
    assert f"{EVENTS} of {EVENTS} accepted" in out
    assert_billed_exactly(sql, stripe)


def test_ctrl_c_ends_the_workers_too_and_settles_what_is_in_flight(
    three: subprocess.Popen[str], export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    running = pids(sql)
    three.send_signal(signal.SIGINT)
    out, err = three.communicate(timeout=TOO_LONG_S)
    assert three.returncode == 5, err
    assert "Traceback" not in err
    assert "billing batches resume" in out
    assert all(map(is_gone, running))
    assert pids(sql) == []
    counts: dict[str, int] = dict(
        sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    )
    # A worker that meets another one's request gets a 409, which proves nothing: the next run sends it again.
    assert {"accepted", "pending"} <= counts.keys() <= {"accepted", "pending", "sending"}
    assert counts["accepted"] == len(stripe.events()) < EVENTS
    stripe.heal()
    assert export("--workers", "1").code == 0
    assert_billed_exactly(sql, stripe)


def test_a_stop_waits_for_nobodys_turn(start: Start, sql: Connection, stripe: StripeDouble) -> None:
    """At this pace the batch takes an hour and a half, and the events that were claimed more than a minute."""
    slow = start("--rate", "0.1")
    until(lambda: len(stripe.events()) > 0)
    slow.send_signal(signal.SIGINT)
    _, err = slow.communicate(timeout=TOO_LONG_S)
    assert slow.returncode == 5, err
    sent = len(stripe.events())
    assert sent <= TOO_LONG_S / 10
    counts = sql.execute("select state::text, count(*) from billing_export_items group by 1 order by 1").fetchall()
    assert counts == [("accepted", sent), ("pending", EVENTS - sent)]


def test_a_run_alone_lets_nobody_join(start: Start, export: Billing, sql: Connection, stripe: StripeDouble) -> None:
    stripe.fault(kind="delay", delay_s=1, endpoint=METER_EVENTS)
    alone = start()
    until(lambda: claimants(sql) == 1)
    assert export("--workers", "1").code == 75
    stripe.heal()
    out, err = alone.communicate(timeout=TOO_LONG_S)
    assert alone.returncode == 0, out + err


def test_runs_that_join_one_batch_keep_to_one_budget(
    start: Start, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    """The simulator refuses what is over it; the lower one of two limits counts for both."""
    stripe.fault(kind="status", status=401, endpoint=METER_EVENTS)
    assert export().code == 78
    stripe.heal()
    stripe.settings(rate=40)
    refused_before = len(stripe.log())
    with sql.transaction():
        sql.execute("select from billing_export_batches for update")
        runs = [start("--workers", "1", "--rate", "40"), start("--workers", "1", "--rate", "400")]
        until(lambda: waiting_for_locks(sql) == 2)
    for run in runs:
        out, err = run.communicate(timeout=TOO_LONG_S)
        assert run.returncode == 0, out + err
    calls = [line for line in stripe.log()[refused_before:] if line["path"] == METER_EVENTS]
    assert {call["status"] for call in calls} == {200}
    assert len(calls) == EVENTS
    runners = sql.execute(
        "select distinct details->>'runner' from billing_audit_log where action = 'export.claimed' and audit_id > "
        "(select min(audit_id) from billing_audit_log where action = 'export.finished')"
    ).fetchall()
    assert len(runners) == 2
    assert_billed_exactly(sql, stripe)


def test_one_that_joins_sends_nothing_before_the_others_have_heard_of_it(
    start: Start, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    """The other one is silent, and may be sending at the whole rate for as long as its lease lasts."""
    stripe.fault(kind="status", status=401, endpoint=METER_EVENTS)
    assert export().code == 78
    stripe.heal()
    silent = sql.execute(
        "insert into billing_export_runners (batch_id, runner, shares, expires_at) "
        "select batch_id, 'other-machine/host/1/1.00', true, now() + interval '4 seconds' from billing_export_batches "
        "returning expires_at"
    ).fetchone()
    before = sql.execute("select max(audit_id) from billing_audit_log").fetchone()
    assert silent
    assert before
    assert export("--workers", "1").code == 0
    claimed = sql.execute(
        "select min(at) from billing_audit_log where action = 'export.claimed' and audit_id > %s", before
    ).fetchone()
    assert claimed
    assert claimed[0] >= silent[0]
    assert_billed_exactly(sql, stripe)


def test_the_same_plan_made_twice_becomes_one_batch(start: Start, sql: Connection, stripe: StripeDouble) -> None:
    account = sql.execute("select pg_advisory_lock(hashtext('billing_export acct_sandbox0000001false'))").fetchall()
    assert account
    runs = [start("--workers", "1"), start("--workers", "1")]
    until(lambda: waiting_for_locks(sql) == 2)
    sql.execute("select pg_advisory_unlock_all()")
    for run in runs:
        out, err = run.communicate(timeout=TOO_LONG_S)
        assert run.returncode == 0, out + err
    assert_billed_exactly(sql, stripe)


def waiting_for_locks(sql: Connection) -> int:
    sql.execute("select pg_stat_clear_snapshot()")  # in a transaction it would stay as it is
    row = sql.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchone()
    return row[0] if row else 0
