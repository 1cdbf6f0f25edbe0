"""A process that moves money sleeps for a day between its claim and its request, and another one goes on."""

import signal
from collections.abc import Iterator

import pytest
from support.crash import Slept, Step, run_billing, start_billing
from support.environment import rest_environment, wire_environment
from support.postgrest import PostgrestDouble
from support.sleep import let_a_day_pass, until_asleep, wake
from support.stripe_control import StripeDouble
from support.usage import Connection

from .test_money_crash import COMMANDS, assert_once, money

__all__ = ["money"]
ASLEEP = Step("move", "before", signal=signal.SIGSTOP)
BEFORE_ITS_FACTS = Step("billing_intents_marks_v1", "before", signal=signal.SIGSTOP)
# 5: the sleeper leaves its intent open, 75: another run took it over.
LOST_CLAIM = (5, 75)


@pytest.fixture(autouse=True)
def clock(stripe: StripeDouble) -> Iterator[None]:
    yield
    stripe.clock(0)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", COMMANDS)
def test_what_lapsed_meanwhile_and_was_done_anew_is_not_done_again(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    _sleep_through(name, wire_environment(db_url, stripe.url), sql, stripe)


@pytest.mark.usefixtures("money")
def test_over_rest_neither(rest: PostgrestDouble, sql: Connection, stripe: StripeDouble) -> None:
    _sleep_through("refund", rest_environment(rest.url, rest.service_key, stripe.url), sql, stripe)


def _sleep_through(name: str, environment: dict[str, str], sql: Connection, stripe: StripeDouble) -> None:
    command, slept = [*COMMANDS[name], "--confirm"], Slept()
    sleeper = start_billing(environment, command, ASLEEP, slept=slept)
    until_asleep(sleeper)
    let_a_day_pass(sql, stripe, slept)
    ((intent_id,),) = sql.execute("select intent_id from billing_intents").fetchall()
    assert run_billing(environment, ["intents", "resume", intent_id, "--confirm"]) == 3
    assert sql.execute("select state::text from billing_intents").fetchall() == [("lapsed",)]
    assert run_billing(environment, command) == 0
    let_a_day_pass(sql, stripe, slept)
    assert wake(sleeper) in LOST_CLAIM
    sql.execute("delete from billing_intents where state = 'lapsed'")
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_sleeper_that_was_alone_leaves_its_intent_to_be_settled(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, command, slept = wire_environment(db_url, stripe.url), [*COMMANDS[name], "--confirm"], Slept()
    sleeper = start_billing(environment, command, ASLEEP, slept=slept)
    until_asleep(sleeper)
    let_a_day_pass(sql, stripe, slept)
    requests = len(stripe.log())
    assert wake(sleeper) in LOST_CLAIM
    assert all(line["method"] == "GET" for line in stripe.log()[requests:])
    assert sql.execute("select state::text, claimed_by from billing_intents").fetchall() == [("sending", None)]


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("name", COMMANDS)
def test_what_was_confirmed_yesterday_is_not_done_after_another_did_it(
    name: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, command, slept = wire_environment(db_url, stripe.url), [*COMMANDS[name], "--confirm"], Slept()
    sleeper = start_billing(environment, command, BEFORE_ITS_FACTS, slept=slept)
    until_asleep(sleeper)
    assert run_billing(environment, command) == 0
    let_a_day_pass(sql, stripe, slept)
    # 2 where the facts forbid it anyway: nothing remains of the payment, or the invoice is paid.
    assert wake(sleeper) in (2, 4)
    assert_once(name, sql, stripe)
