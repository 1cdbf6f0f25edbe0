"""Laws over any sequence of refunds, crashes, retries and refunds made elsewhere."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.environment import KEY, wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies

from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.adapters.stripe.money_mover import StripeMoneyMover
from billing_cli.cli.app import run

CAPTURED = 1000
_NUMBERS = itertools.count()


class Crash(BaseException):
    """As if the process had ended here."""


@dataclass(frozen=True)
class Refund:
    """`crash`: the function and side at which the process ends, if it comes that far."""

    amount: int
    crash: tuple[str, str] | None
    again: bool


@dataclass(frozen=True)
class Elsewhere:
    """Somebody refunds in the Dashboard."""

    amount: int


CRASHES = st.none() | st.tuples(
    st.sampled_from(["billing_intents_open_v2", "billing_intent_claim_v2", "move", "billing_intent_settle_v1"]),
    st.sampled_from(["before", "after"]),
)
STEPS = st.lists(
    st.builds(Refund, st.integers(1, CAPTURED + 1), CRASHES, st.booleans())
    | st.builds(Elsewhere, st.integers(1, CAPTURED)),
    min_size=1,
    max_size=6,
)


@given(steps=STEPS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_more_than_captured_nor_other_than_approved(
    steps: list[Refund | Elsewhere],
    db_url: str,
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    payment = f"pi_{next(_NUMBERS)}"
    _prepare(payment, db_url, sql, stripe, monkeypatch)
    approved = [step.amount for step in steps if isinstance(step, Refund) for _ in range(1 + step.again)]

    for step in steps:
        if isinstance(step, Elsewhere):
            _refund_elsewhere(stripe, payment, step.amount)
            continue
        with suppress(Crash), crashing(step.crash):
            _refund(payment, step.amount)
        if step.again:
            _refund(payment, step.amount)
    for (intent,) in sql.execute("select intent_id from billing_intents where state in ('open', 'sending')").fetchall():
        # 5: a refund from elsewhere came after the claim, so it is neither sent nor refused before it lapses.
        assert run(["intents", "resume", intent, "--confirm"]) in (0, 3, 5)

    capsys.readouterr()
    made = [refund for refund in stripe.refunds() if refund["payment_intent"] == payment]
    ours = {refund["metadata"]["billing_intent"]: refund["amount"] for refund in made if refund["metadata"]}
    assert sum(refund["amount"] for refund in made) <= CAPTURED
    # Every refund of ours is one intent that is done, with its amount, and every such intent is one refund.
    done = sql.execute(
        "select intent_id, amount_minor from billing_intents where subject = %s and state = 'done'", (payment,)
    )
    assert ours == dict(done.fetchall())
    assert len(ours) == sum(1 for refund in made if refund["metadata"])
    for amount in ours.values():
        approved.remove(amount)  # raises where it was refunded more often than asked for
    adjusted = sql.execute(
        "select coalesce(-sum(a.amount_minor), 0)::bigint from billing_adjustments a join billing_intents using (intent_id) "
        "where subject = %s",
        (payment,),
    )
    assert adjusted.fetchone() == (sum(ours.values()),)
    here = sql.execute("select refunded_minor from billing_payments where payment_intent_id = %s", (payment,))
    assert (here.fetchone() or (0,))[0] <= sum(refund["amount"] for refund in made)


def _prepare(payment: str, db_url: str, sql: Connection, stripe: StripeDouble, patch: pytest.MonkeyPatch) -> None:
    if sql.execute("select count(*) from billing_companies").fetchone() == (0,):
        stripe.bulk(add_companies(sql, 1), [])
        for name, value in wire_environment(db_url, stripe.url).items():
            patch.setenv(name, value)
    stripe.payments([{"id": payment, "customer": "cus_1", "amount": CAPTURED, "currency": "usd"}])
    sql.execute("insert into billing_payments (payment_intent_id, company_id) values (%s, 'co_1')", (payment,))


def _refund(payment: str, amount: int) -> int:
    return run(["refund", "co_1", payment, "--amount-minor", str(amount), "--reason", "duplicate", "--confirm"])


def _refund_elsewhere(stripe: StripeDouble, payment: str, amount: int) -> None:
    wish = {"payment_intent": payment, "amount": str(amount)}
    httpx.post(f"{stripe.url}/v1/refunds", data=wish, headers={"Authorization": f"Bearer {KEY}"})


@contextmanager
def crashing(crash: tuple[str, str] | None) -> Iterator[None]:
    """Ends the command at the first time that the function is called, before or after it took effect."""
    call, create = PostgresDatabase.call, StripeMoneyMover._create

    def dying(name: str, work: Any) -> Any:
        if crash == (name, "before"):
            raise Crash
        answer = work()
        if crash == (name, "after"):
            raise Crash
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresDatabase, "call", lambda self, f, **args: dying(f, lambda: call(self, f, **args)))
        patch.setattr(StripeMoneyMover, "_create", lambda self, *intent: dying("move", lambda: create(self, *intent)))
        yield
