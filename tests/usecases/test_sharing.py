"""What the database tells the runners of one batch of each other."""

from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_much_usage, add_usage

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


def test_what_waits_for_a_correction_in_doubt_is_not_claimable(
    database: Database, batch_id: str, sql: Connection
) -> None:
    sql.execute("update billing_export_items set step = case when item_id % 2 = 0 then 1 else 3 end")
    first, second = Runner(database, batch_id, "first"), Runner(database, batch_id, "second")
    assert sum(len(first.claim(500)) for _ in range(3)) == 36
    assert second.claim(500) == []
    assert second.meet(p_count=True)["claimable"] is False
    sql.execute("update billing_export_items set state = 'accepted' where step = 1")
    assert second.meet(p_count=True)["claimable"] is True
    assert sum(len(second.claim(500)) for _ in range(3)) == 36


def test_two_runners_that_wait_for_each_other_end(
    export: Billing, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_cli.usecases.sending._IDLE_WAITS", 3)
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    add_usage(sql, "co_1", "api_calls", 5)
    assert export().code == 0
    sql.execute("update billing_companies set stripe_customer_id = 'cus_9' where company_id = 'co_1'")
    # Each has the one of its own in doubt: this run, and one that lives elsewhere.
    sql.execute(
        "create function elsewhere() returns trigger language plpgsql as $$ begin "
        "insert into public.billing_export_runners (batch_id, runner, shares, expires_at) "
        "values (new.batch_id, 'elsewhere', true, now() + interval '1 hour') on conflict do nothing; return new; end $$;"
        "create trigger elsewhere after insert on billing_export_runners for each row "
        "when (new.runner <> 'elsewhere') execute function elsewhere()"
    )
    stripe.fault(kind="lost_reply", endpoint=METER_EVENTS, probability=1)
    monkeypatch.setattr("billing_cli.usecases.sharing.Others.hear_of_this_one", lambda self: True)
    monkeypatch.setattr("billing_cli.usecases.batches._others_are_done", lambda *args: False)
    assert export("--allow-corrections", "--workers", "2").code == 5
