"""A process sleeps for a day in the middle of its work, and another one takes it over: nothing is done twice."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from support.crash import Slept, Step, run_billing, start_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.sleep import let_a_day_pass, until_asleep, wake
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies, add_much_usage, add_usage

DAY = f"{YESTERDAY:%Y-%m-%d}"
EXPORT = ["--quiet", "export", "--start", DAY, "--end", DAY, "--confirm"]
COMPANIES, HOURS = 5, 6
EVENTS = COMPANIES * 2 * HOURS
LOST_CLAIM = 75


@pytest.fixture
def usage(sql: Connection, stripe: StripeDouble) -> Iterator[None]:
    customers = add_companies(sql, COMPANIES)
    stripe.bulk(customers, [{"event_name": "api_calls"}, {"event_name": "storage_gb", "value_key": "gb"}])
    add_much_usage(sql, COMPANIES, HOURS)
    yield
    stripe.clock(0)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("backend", ["events", "stream"])
@pytest.mark.parametrize("transport", ["wire", "rest"])
def test_events_claimed_before_a_sleep_are_not_sent_after_it(
    backend: str, transport: str, db_url: str, rest: PostgrestDouble, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    if transport == "rest":
        environment = rest_environment(rest.url, rest.service_key, stripe.url)
    slept, asleep = Slept(), Step("send", "before", signal=signal.SIGSTOP)
    sleeper = start_billing(environment, [*EXPORT, "--backend", backend], asleep, slept=slept)
    until_asleep(sleeper)
    let_a_day_pass(sql, stripe, slept)
    assert run_billing(environment, EXPORT) == 0
    let_a_day_pass(sql, stripe, slept)
    assert wake(sleeper) == LOST_CLAIM
    _assert_sent_once(stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("overtaken", [True, False])
@pytest.mark.parametrize("backend", ["events", "stream"])
def test_requests_in_flight_before_a_sleep_are_not_repeated_after_it(
    backend: str, overtaken: bool, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    """A sender that slept alone leaves its claims to proof."""
    environment, slept = wire_environment(db_url, stripe.url), Slept()
    sleeper = _asleep_in_flight(environment, backend, slept, stripe)
    let_a_day_pass(sql, stripe, slept)
    if overtaken:
        assert run_billing(environment, EXPORT) == 0
        let_a_day_pass(sql, stripe, slept)
    assert wake(sleeper) == LOST_CLAIM
    assert overtaken or run_billing(environment, EXPORT) == 0
    _assert_sent_once(stripe)


def _asleep_in_flight(environment: dict[str, str], backend: str, slept: Slept, stripe: StripeDouble) -> BaseProcess:
    """Its requests were carried out and the answers lost: it is about to repeat them."""
    stripe.fault(kind="lost_reply", endpoint="/v1/billing/meter_events")
    stripe.fault(kind="lost_reply", endpoint="/v2/billing/meter_event_stream")
    sleeper = start_billing(environment, [*EXPORT, "--backend", backend], slept=slept)
    while not stripe.events():
        assert sleeper.is_alive()
    assert sleeper.pid is not None
    os.kill(sleeper.pid, signal.SIGSTOP)
    until_asleep(sleeper)
    stripe.heal()
    return sleeper


@pytest.mark.usefixtures("usage")
def test_a_cancellation_claimed_before_a_sleep_is_not_sent_after_it(
    db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, slept = wire_environment(db_url, stripe.url), Slept()
    assert run_billing(environment, EXPORT) == 0
    ((batch_id,),) = sql.execute("select batch_id from billing_export_batches").fetchall()
    rollback = ["batches", "rollback", batch_id, "--confirm"]
    sleeper = start_billing(environment, rollback, Step("cancel", signal=signal.SIGSTOP), slept=slept)
    until_asleep(sleeper)
    let_a_day_pass(sql, stripe, slept)
    before = _count(stripe, "/v1/billing/meter_event_adjustments")
    assert wake(sleeper) == LOST_CLAIM
    assert _count(stripe, "/v1/billing/meter_event_adjustments") == before


def test_an_old_total_does_not_overwrite_a_new_one(
    db_url: str, sql: Connection, stripe: StripeDouble, tmp_path: Path
) -> None:
    """Usage records are set, not added: a late one would take back the usage that came since."""
    config = tmp_path / "billing.toml"
    config.write_text('[meters.seats]\nbackend = "usage-records"\nprice = "price_seats"\n')
    stripe.bulk(add_companies(sql, 1), [])
    item = {"id": "si_1", "price": "price_seats", "usage_type": "metered"}
    period = {
        name: int((YESTERDAY + timedelta(days=d)).timestamp()) for name, d in (("period_start", -5), ("period_end", 9))
    }
    stripe.subscriptions([{"id": "sub_1", "customer": "cus_1", "items": [item], **period}])
    add_usage(sql, "co_1", "seats", 5)
    environment = {**wire_environment(db_url, stripe.url), "BILLING_CONFIG": str(config)}
    slept = Slept()
    sleeper = start_billing(environment, EXPORT, Step("send", signal=signal.SIGSTOP), slept=slept)
    until_asleep(sleeper)
    let_a_day_pass(sql, stripe, slept)
    assert run_billing(environment, EXPORT) == 0
    add_usage(sql, "co_1", "seats", 2)
    assert run_billing(environment, EXPORT) == 0
    let_a_day_pass(sql, stripe, slept)
    assert wake(sleeper) == LOST_CLAIM
    assert [record["quantity"] for record in stripe.usage_records()][-1] == 7
    stripe.clock(0)


def _assert_sent_once(stripe: StripeDouble) -> None:
    events = Counter((event["event_name"], event["customer"], event["timestamp"]) for event in stripe.events())
    assert set(events.values()) == {1}
    assert len(events) == EVENTS


def _count(stripe: StripeDouble, path: str) -> int:
    return sum(1 for line in stripe.log() if line["path"] == path)
