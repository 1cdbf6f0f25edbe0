"""What the database tells the runners of one batch of each other."""

from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_much_usage

from billing_cli.domain.ports import Database

from .conftest import Billing

METER_EVENTS = "/v1/billing/meter_events"


class Runner:
    """One runner of a batch, call by call."""

    def __init__(self, database: Database, batch_id: str, name: str, most_per_s: str | None = None) -> None:
        self._database = database
        self._keys = {"p_batch_id": batch_id, "p_runner": name, "p_actor": "tester"}
        self.joined = database.call("billing_batch_acquire_v2", **self._keys, p_shares=True, p_most_per_s=most_per_s)

    def meet(self, **args: object) -> dict[str, Any]:
        answer: dict[str, Any] = self._database.call("billing_batch_others_v1", **self._keys, **args)
        return answer

    def claim(self, limit: int) -> list[dict[str, Any]]:
        answer = self._database.call("billing_batch_claim_v2", **self._keys, p_backend="events", p_limit=limit)
        items: list[dict[str, Any]] = answer["items"]
        return items


@pytest.fixture
def batch_id(billing: Billing, export: Billing, sql: Connection, stripe: StripeDouble) -> str:
    """An open batch of 72 events for six customers and meters, of which nothing was sent."""
    add_much_usage(sql, companies=3, hours=12)
    stripe.fault(kind="status", status=401, endpoint=METER_EVENTS)
    assert export().code == 78
    found: str = billing("batches", "list").document["batches"][0]["batch_id"]
    return found


def test_one_that_joins_is_heard_of_when_the_others_have_called_since(database: Database, batch_id: str) -> None:
    first, second = Runner(database, batch_id, "first"), Runner(database, batch_id, "second")
    joined_at = second.meet()["at"]
    assert [other["heard"] for other in second.meet(p_since=joined_at)["others"]] == [False]
    assert first.meet()["runners"] == 2
    assert [other["heard"] for other in second.meet(p_since=joined_at)["others"]] == [True]


def test_of_two_runners_one_only_is_the_later(database: Database, batch_id: str) -> None:
    first, second = Runner(database, batch_id, "z"), Runner(database, batch_id, "a")
    assert [other["later"] for other in first.meet()["others"]] == [True]
    assert [other["later"] for other in second.meet()["others"]] == [False]


def test_the_lowest_limit_counts_for_all(database: Database, batch_id: str) -> None:
    first = Runner(database, batch_id, "first")
    assert first.meet()["most_per_s"] is None
    Runner(database, batch_id, "second", "50")
    Runner(database, batch_id, "third", "20.5")
    assert (float(first.meet()["most_per_s"]), first.meet()["runners"]) == (20.5, 3)


def test_claims_of_two_runners_are_of_different_customers_and_meters_until_one_has_none_left(
    database: Database, batch_id: str
) -> None:
    runners = [Runner(database, batch_id, name) for name in ("first", "second")]
    claims = [each.claim(10) for each in runners]
    mine, theirs = ({(item["stripe_customer_id"], item["event_name"]) for item in claimed} for claimed in claims)
    assert mine
    assert theirs
    assert not mine & theirs
    while items := runners[0].claim(10):
        claims.append(items)
    assert len({item["item_id"] for claimed in claims for item in claimed}) == sum(map(len, claims)) == 72


@pytest.mark.parametrize("how", ["known to be dead", "lease is over"])
def test_claims_of_one_that_is_gone_are_free_for_the_others(
    how: str, database: Database, batch_id: str, sql: Connection
) -> None:
    first, second = Runner(database, batch_id, "first"), Runner(database, batch_id, "second")
    while second.claim(100):
        pass
    assert not first.meet(p_count=True)["claimable"]
    if how == "lease is over":
        sql.execute("update billing_export_runners set expires_at = now() where runner = 'second'")
    met = first.meet(p_dead=["second"] if how == "known to be dead" else [], p_count=True)
    assert (met["others"], met["runners"], met["left"], met["claimable"]) == ([], 1, 72, True)
    assert len(first.claim(100)) == 72
