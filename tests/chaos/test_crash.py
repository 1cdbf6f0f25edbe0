"""Whatever kills the sender, and whenever: Stripe ends up with exactly what the database says."""

import random
from decimal import Decimal

import pytest
from support.crash import KILLED, Step, run_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies, add_much_usage, owed

DAY = f"{YESTERDAY:%Y-%m-%d}"
EXPORT = ["--quiet", "export", "--start", DAY, "--end", DAY, "--confirm"]
STREAM = [*EXPORT, "--backend", "stream"]
COMPANIES, HOURS = 15, 6
EVENTS = COMPANIES * 2 * HOURS

STEPS = [
    Step("billing_export_open_v3", "before"),
    Step("billing_export_open_v3", "after"),
    Step("billing_batch_acquire_v2", "before"),
    Step("billing_batch_acquire_v2", "after"),
    Step("billing_batch_claim_v2", "before"),
    Step("billing_batch_claim_v2", "after"),
    Step("send", "before", 1),
    Step("send", "after", 1),
    Step("send", "before", EVENTS // 2),
    Step("send", "after", EVENTS // 2),
    Step("send", "after", EVENTS),
    Step("billing_batch_settle_v1", "before"),
    Step("billing_batch_settle_v1", "after"),
    Step("billing_batch_finish_v1", "before"),
    Step("billing_batch_finish_v1", "after"),
]
# Of two parcels.
STREAM_STEPS = [
    Step("billing_batch_claim_v2", "after"),
    Step("send", "before", 1),
    Step("send", "after", 1),
    Step("send", "before", 2),
    Step("send", "after", 2),
    Step("billing_batch_settle_v1", "before"),
    Step("billing_batch_settle_v1", "after"),
]
FAULTS: dict[str, list[dict[str, object]]] = {
    "no fault": [],
    "reply lost": [{"kind": "lost_reply", "probability": 0.2, "seed": 1}],
    "connection reset": [{"kind": "reset", "probability": 0.2, "seed": 2}],
    "server error": [{"kind": "status", "status": 500, "probability": 0.2, "seed": 3}],
    "server error after commit": [{"kind": "status", "status": 500, "probability": 0.2, "seed": 4, "commit": True}],
    "slow down": [{"kind": "status", "status": 429, "probability": 0.3, "seed": 5}],
    "conflict": [{"kind": "status", "status": 409, "probability": 0.2, "seed": 6}],
    "delay": [{"kind": "delay", "delay_s": 0.03, "probability": 1, "seed": 7}],
}
RANDOM_MOMENTS = 2  # `make chaos` has many more


@pytest.fixture
def usage(sql: Connection, stripe: StripeDouble) -> None:
    customers = add_companies(sql, COMPANIES)
    stripe.bulk(customers, [{"event_name": "api_calls"}, {"event_name": "storage_gb", "value_key": "gb"}])
    add_much_usage(sql, COMPANIES, HOURS)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.when} {step.name} {step.nth}")
def test_killed_at_a_step_and_run_again(step: Step, db_url: str, sql: Connection, stripe: StripeDouble) -> None:
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, EXPORT, step) == KILLED
    _run_until_done(environment)
    _assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("step", STREAM_STEPS, ids=lambda step: f"{step.when} {step.name} {step.nth}")
def test_killed_at_a_step_of_the_stream(step: Step, db_url: str, sql: Connection, stripe: StripeDouble) -> None:
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, STREAM, step) == KILLED
    _run_until_done(environment, STREAM)
    _assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_stream_killed_at_random_under_a_fault(fault: str, db_url: str, sql: Connection, stripe: StripeDouble) -> None:
    environment = wire_environment(db_url, stripe.url)
    for settings in FAULTS[fault]:
        stripe.fault(endpoint="/v2/billing/meter_event", **settings)
    moments = random.Random(f"stream {fault}")
    for _ in range(3):
        run_billing(environment, STREAM, Step("send", moments.choice(["before", "after"]), moments.randint(1, 2)))
    _run_until_done(environment, STREAM)
    _assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("step", STEPS[1::2], ids=lambda step: f"{step.when} {step.name} {step.nth}")
def test_killed_at_a_step_over_rest(step: Step, rest: PostgrestDouble, sql: Connection, stripe: StripeDouble) -> None:
    environment = rest_environment(rest.url, rest.service_key, stripe.url)
    assert run_billing(environment, EXPORT, step) == KILLED
    _run_until_done(environment)
    _assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
def test_replies_of_the_database_lost_over_rest(rest: PostgrestDouble, sql: Connection, stripe: StripeDouble) -> None:
    for function in ("billing_batch_claim_v2", "billing_batch_settle_v1", "billing_batch_others_v1"):
        rest.faults[function] = ["lost_reply", "503"]
    _run_until_done(rest_environment(rest.url, rest.service_key, stripe.url))
    _assert_billed_exactly(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("number", range(RANDOM_MOMENTS))
def test_killed_at_random_under_a_fault(
    fault: str, number: int, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    for settings in FAULTS[fault]:
        stripe.fault(endpoint="/v1/billing/meter_events", **settings)
    moments = random.Random(f"{fault} {number}")
    for _ in range(3):
        nth = moments.randint(1, EVENTS)
        run_billing(environment, EXPORT, Step("send", moments.choice(["before", "after"]), nth))
    _run_until_done(environment)
    _assert_billed_exactly(sql, stripe)


def _run_until_done(environment: dict[str, str], export: list[str] = EXPORT) -> None:
    """Cron would do no more: the same command again, until it says that all is done."""
    codes = []
    for _ in range(6):
        codes.append(run_billing(environment, export))
        if codes[-1] == 0:
            return
        assert codes[-1] == 5, codes
    raise AssertionError(codes)


def _assert_billed_exactly(sql: Connection, stripe: StripeDouble) -> None:
    events = stripe.events()
    identifiers = [event["identifier"] for event in events]
    assert len(identifiers) == len(set(identifiers)) == EVENTS
    billed: dict[tuple[str, str], Decimal] = {}
    for event in events:
        key = (event["event_name"], event["customer"])
        billed[key] = billed.get(key, Decimal(0)) + Decimal(event["value"])
    assert {key: value.normalize() for key, value in billed.items()} == owed(sql)
    states = sql.execute("select state::text, count(*) from billing_export_items group by 1").fetchall()
    assert states == [("accepted", EVENTS)]
    assert sql.execute("select count(*) from billing_export_batches where state = 'open'").fetchall() == [(0,)]
