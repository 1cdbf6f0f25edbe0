"""Two runs, dead runs, interrupted runs: who may send, who waits, who goes away."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection, add_much_usage, add_usage

from .conftest import DAY, Billing

EXPORT = [sys.executable, "-m", "billing_cli", "export", "--start", DAY, "--end", DAY, "--confirm"]
EVENTS = 3 * 2 * 12


@pytest.fixture
def slow_run(billing: Billing, db_url: str, sql: Connection, stripe: StripeDouble) -> subprocess.Popen[str]:
    """A run in a process of its own, in the middle of its batch."""
    add_much_usage(sql, companies=3, hours=12)
    stripe.fault(kind="delay", delay_s=0.2, endpoint="/v1/billing/meter_events", probability=1)
    environment = wire_environment(db_url, stripe.url)
    process = subprocess.Popen(EXPORT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(stripe.events()) < 5:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def test_second_run_leaves_at_once_while_the_first_lives(
    slow_run: subprocess.Popen[str], export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    second = export()
    assert second.code == 75
    assert "Another run" in second.stderr
    assert slow_run.wait(30) == 0
    identifiers = [event["identifier"] for event in stripe.events()]
    assert len(identifiers) == len(set(identifiers)) == EVENTS


def test_ctrl_c_settles_what_is_in_flight_and_says_how_to_go_on(
    slow_run: subprocess.Popen[str], export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    slow_run.send_signal(signal.SIGINT)
    out, err = slow_run.communicate(timeout=30)
    assert slow_run.returncode == 5, err
    assert "billing batches resume" in out
    assert "Traceback" not in err
    counts = sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    states: dict[str, int] = dict(counts)
    assert states.keys() == {"accepted", "pending"}
    assert states["accepted"] == len(stripe.events()) < EVENTS
    stripe.heal()
    assert export().code == 0
    assert len(stripe.events()) == EVENTS


def test_ctrl_c_before_anything_is_sent_is_said_and_exits_5(billing: Billing, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("billing_cli.wiring.export_planner", interrupted)
    answer = billing("export", "--period", "yesterday")
    assert (answer.code, "Interrupted" in answer.stderr) == (5, True)


def test_a_killed_run_is_taken_over_at_once_on_the_same_machine(
    slow_run: subprocess.Popen[str], export: Billing, stripe: StripeDouble
) -> None:
    slow_run.kill()
    slow_run.wait(10)
    stripe.heal()
    taken_over = export()
    assert taken_over.code == 0
    assert "Waiting" not in taken_over.stderr
    assert len(stripe.events()) == EVENTS


def test_a_silent_run_elsewhere_is_waited_for_and_then_taken_over(
    slow_run: subprocess.Popen[str], export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    os.kill(slow_run.pid, signal.SIGKILL)
    slow_run.wait(10)
    stripe.heal()
    sql.execute(
        "update billing_export_runners set runner = 'other-machine/host/1/1.00', "
        "expires_at = now() + interval '2 seconds'"
    )
    taken_over = export()
    assert taken_over.code == 0
    assert "other-machine" in taken_over.stderr
    assert len(stripe.events()) == EVENTS


def test_a_run_elsewhere_that_shows_life_is_left_alone(
    billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_usage(sql, "co_1", "api_calls", 1)
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events", probability=1)
    export()
    sql.execute(
        "insert into billing_export_runners (batch_id, runner, shares, seen_at, expires_at) "
        "select batch_id, 'other-machine/host/1/1.00', false, now() - interval '3 seconds', "
        "now() + interval '57 seconds' from billing_export_batches"
    )

    def heartbeat(_: float) -> None:
        sql.execute("update billing_export_runners set seen_at = now()")

    monkeypatch.setattr("billing_cli.usecases.batches.time.sleep", heartbeat)
    assert export().code == 75
    assert stripe.events() == []
