"""Batches of an older version: where events replace each other, those of two companies of one customer did."""

from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from .conftest import Answer, Billing
from .test_verify import START_S, age, states, verdicts

METERS: dict[str, dict[str, Any]] = {
    "last": {"event_name": "seats", "formula": "last"},
    "window": {"event_name": "seats", "event_time_window": "hour"},
}


@pytest.fixture(params=METERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def apart(kind: str, sql: Connection, stripe: StripeDouble, export: Billing) -> tuple[str, str]:
    """Two batches of an hour of cus_1: 100 seats of co_1, and then 50 of co_2. Stripe has 50."""
    stripe.clock(-30 * 86_400)
    stripe.bulk([], [METERS[kind]])
    stripe.clock(0)
    add_usage(sql, "co_1", "seats", 100)
    first = export().document["batches"][0]["batch_id"]
    # An older version took off what it had sent by company: nothing of co_2 yet.
    sql.execute("update billing_export_items set state = 'rejected'")
    sql.execute("update billing_companies set stripe_customer_id = null where company_id = 'co_1'")
    sql.execute("update billing_companies set stripe_customer_id = 'cus_1' where company_id = 'co_2'")
    add_usage(sql, "co_2", "seats", 50)
    later = export().document["batches"][0]["batch_id"]
    sql.execute("update billing_companies set stripe_customer_id = 'cus_1' where company_id = 'co_1'")
    sql.execute("update billing_export_items set state = 'accepted', meter_id = null")
    return first, later


@pytest.fixture
def overwritten(apart: tuple[str, str], sql: Connection) -> str:
    """The same in one batch."""
    sql.execute("update billing_export_items set batch_id = %s", apart[:1])
    sql.execute("delete from billing_export_batches where batch_id = %s", apart[1:])
    return apart[0]


def figures(answer: Answer) -> list[tuple[str, ...]]:
    names = ("company_id", "stripe_customer_id", "stripe", "sent", "difference", "verdict")
    return [tuple(slot[name] for name in names) for slot in answer.document["wrong"]]


def test_an_event_that_another_companys_replaced_is_missing_and_not_verified(
    overwritten: str, billing: Billing, sql: Connection
) -> None:
    answer = billing("batches", "verify", overwritten, "--confirm")
    assert (answer.code, verdicts(answer)) == (3, {"less": 1})
    assert figures(answer) == [("co_1, co_2", "cus_1", "50", "150", "-100", "less")]
    assert [(c["company_id"], c["value"], c["after"]) for c in answer.document["changes"]] == [
        ("co_1", "100", "missing")
    ]
    assert answer.document["batch"]["verified_at"] is None
    assert states(sql) == {"missing": 1, "accepted": 1}
    assert billing("batches", "verify", overwritten).code == 3


def test_a_batch_that_was_verified_before_is_found_wrong_when_it_is_compared_again(
    overwritten: str, billing: Billing, sql: Connection
) -> None:
    sql.execute("update billing_export_items set verified_at = now()")
    sql.execute("update billing_export_batches set verified_at = now()")
    answer = billing("batches", "verify", overwritten, "--again", "--confirm")
    assert (answer.code, verdicts(answer)) == (3, {"less": 1})
    assert answer.document["batch"]["verified_at"] is None


def test_the_next_export_sends_the_whole_total_and_then_all_is_verified(
    overwritten: str, billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    assert billing("batches", "verify", overwritten, "--confirm").code == 3
    again = export("--verify", "--verify-for", "0")
    assert (again.code, [event["value"] for event in stripe.events()]) == (0, ["100", "50", "150"])
    assert billing("batches", "verify", overwritten, "--confirm").code == 0
    assert states(sql) == {"accepted verified": 3}
    sender = "select company_id from billing_export_items order by item_id desc limit 1"
    assert sql.execute(sender).fetchall() == [("co_1",)]
    assert export().document["batches"] == []


def test_a_later_batch_that_replaced_anothers_event_is_not_verified_either(
    apart: tuple[str, str], billing: Billing, sql: Connection
) -> None:
    first, later = apart
    for _ in range(2):
        answer = billing("batches", "verify", later, "--confirm")
        assert (answer.code, verdicts(answer), answer.document["changes"]) == (3, {"less": 1}, [])
        assert figures(answer) == [("co_1, co_2", "cus_1", "50", "150", "-100", "less")]
        assert answer.document["batch"]["verified_at"] is None
    assert billing("batches", "verify", first, "--confirm").code == 3
    assert states(sql) == {"missing": 1, "accepted": 1}


def test_a_total_that_another_program_made_whole_is_what_was_sent(
    overwritten: str, billing: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    stripe.send_as_another("cus_1", "150", START_S + 60, "seats")
    assert billing("batches", "verify", overwritten, "--confirm").code == 0
    stripe.send_as_another("cus_1", "151", START_S + 120, "seats")
    answer = billing("batches", "verify", overwritten, "--again", "--confirm")
    assert (answer.code, verdicts(answer)) == (3, {"more": 1})


def test_a_correction_that_may_lag_is_waited_for(
    overwritten: str, billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble
) -> None:
    age(sql)
    assert export().code == 0
    stripe.forget("150")
    answer = billing("batches", "verify", overwritten, "--confirm")
    assert (answer.code, verdicts(answer), states(sql)) == (5, {"later": 1}, {"accepted": 3})
    age(sql)
    answer = billing("batches", "verify", overwritten, "--confirm")
    assert (answer.code, verdicts(answer), states(sql)) == (3, {"less": 1}, {"missing": 1, "accepted": 2})
