"""Whatever kills a rollback, and whenever: each event is cancelled once, and the states say what is true."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.crash import KILLED, Step, run_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies, add_usage

DAY = f"{YESTERDAY:%Y-%m-%d}"
EVENTS = 6
ADJUSTMENTS = "/v1/billing/meter_event_adjustments"
STEPS = [
    Step("billing_rollback_open_v1", "before"),
    Step("billing_rollback_open_v1", "after"),
    Step("billing_batch_acquire_v2", "before"),
    Step("billing_batch_acquire_v2", "after"),
    Step("billing_rollback_claim_v1", "before"),
    Step("billing_rollback_claim_v1", "after"),
    Step("cancel", "before", 1),
    Step("cancel", "after", 1),
    Step("cancel", "after", EVENTS // 2),
    Step("cancel", "after", EVENTS),
    Step("billing_batch_settle_v1", "before"),
    Step("billing_batch_settle_v1", "after"),
    Step("billing_rollback_finish_v1", "before"),
    Step("billing_rollback_finish_v1", "after"),
]


@pytest.fixture
def batch(db_url: str, sql: Connection, stripe: StripeDouble) -> str:
    """An export that was done."""
    stripe.bulk(add_companies(sql, 3), [{"event_name": "api_calls"}])
    for number in range(EVENTS):
        add_usage(sql, f"co_{number % 3 + 1}", "api_calls", number + 1, hour=number)
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, ["--quiet", "export", "--start", DAY, "--end", DAY, "--confirm"]) == 0
    ((batch_id,),) = sql.execute("select batch_id from billing_export_batches").fetchall()
    assert len(stripe.events()) == EVENTS
    return str(batch_id)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.when} {step.name} {step.nth}")
def test_killed_at_a_step_and_run_again(
    step: Step, batch: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, rollback(batch), step) == KILLED
    assert_states_are_true(sql, stripe)
    assert run_billing(environment, rollback(batch)) == 0
    assert_taken_back(sql, stripe)


@pytest.mark.parametrize("step", STEPS[1::4], ids=lambda step: f"{step.when} {step.name} {step.nth}")
def test_killed_at_a_step_over_rest(
    step: Step, batch: str, rest: PostgrestDouble, sql: Connection, stripe: StripeDouble
) -> None:
    environment = rest_environment(rest.url, rest.service_key, stripe.url)
    assert run_billing(environment, rollback(batch), step) == KILLED
    assert run_billing(environment, rollback(batch)) == 0
    assert_taken_back(sql, stripe)


def test_replies_of_the_database_lost_over_rest(
    batch: str, rest: PostgrestDouble, sql: Connection, stripe: StripeDouble
) -> None:
    for function in ("billing_rollback_claim_v1", "billing_batch_settle_v1"):
        rest.faults[function] = ["lost_reply", "503"]
    environment = rest_environment(rest.url, rest.service_key, stripe.url)
    codes = [run_billing(environment, rollback(batch)) for _ in range(2)]
    assert codes[-1] == 0, codes
    assert_taken_back(sql, stripe)


@pytest.mark.parametrize("kind", ["lost_reply", "reset", "status"])
def test_killed_twice_under_a_fault(kind: str, batch: str, db_url: str, sql: Connection, stripe: StripeDouble) -> None:
    environment = wire_environment(db_url, stripe.url)
    stripe.fault(kind=kind, endpoint=ADJUSTMENTS, probability=0.4, seed=3)
    for step in (Step("cancel", "after", 2), Step("cancel", "after", 1)):
        run_billing(environment, rollback(batch), step)
        assert_states_are_true(sql, stripe)
    assert run_billing(environment, rollback(batch)) == 0
    assert_taken_back(sql, stripe)


def test_ctrl_c_settles_what_is_in_flight_and_says_how_to_go_on(
    batch: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    stripe.fault(kind="delay", delay_s=0.2, endpoint=ADJUSTMENTS)
    command = [sys.executable, "-m", "billing_cli", *rollback(batch)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(stripe.events()) == EVENTS:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 5, err
    assert f"LIVE=true billing batches rollback {batch} --confirm" in " ".join(out.split())
    counts = sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    states: dict[str, int] = dict(counts)
    assert states == {"accepted": len(stripe.events()), "cancelled": EVENTS - len(stripe.events())}
    stripe.heal()
    assert run_billing(environment, rollback(batch)) == 0
    assert_taken_back(sql, stripe)


def rollback(batch: str) -> list[str]:
    return ["--quiet", "batches", "rollback", batch, "--confirm"]


def assert_states_are_true(sql: Connection, stripe: StripeDouble) -> None:
    """Nothing counts as sent that may not be, and nothing as taken back that may be counted."""
    rows = sql.execute("select identifier, state::text from billing_export_items").fetchall()
    counted = {event["identifier"] for event in stripe.events()}
    assert {identifier for identifier, state in rows if state == "accepted"} <= counted
    assert not {identifier for identifier, state in rows if state == "cancelled"} & counted
    assert {state for _, state in rows} <= {"accepted", "cancelling", "cancelled"}


def assert_taken_back(sql: Connection, stripe: StripeDouble) -> None:
    assert stripe.events() == []
    assert sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall() == [
        ("cancelled", EVENTS)
    ]
    assert sql.execute("select state::text from billing_export_batches").fetchall() == [("done",)]
    assert sql.execute("select count(*) from billing_export_runners").fetchall() == [(0,)]
