"""The fault campaign in its short form; `make chaos` is the long one."""

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import stripe
from campaign.exports import SETTLED, export_until_settled
from campaign.names import Names
from campaign.oracle import judge
from campaign.run import run
from campaign.usage import DAY, LAST, SUM, scene_in
from campaign.world import World
from support.environment import KEY
from support.usage import add_usage


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    found = World(tmp_path_factory.mktemp("campaign"))
    yield found
    found.close()


@pytest.mark.parametrize("seed", range(2, 6))
def test_whatever_goes_wrong_nothing_is_lost_doubled_or_hanging(seed: int, world: World) -> None:
    verdict = run(seed, world, most_changes=0)
    assert verdict.good, verdict


@pytest.mark.parametrize("seed", (3, 4, 9))
def test_whatever_names_change_usage_is_counted_once_and_where_it_belongs(seed: int, world: World) -> None:
    verdict = run(seed, world)
    assert verdict.good, verdict


def test_one_seed_makes_the_same_changes_and_settles_all_of_them(world: World) -> None:
    assert changed_names(world, 2) == changed_names(world, 2)
    assert changed_names(world, 2) != changed_names(world, 3)


def test_the_oracle_sees_usage_that_stays_at_a_former_receiver(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        with scene.sql() as sql:
            sql.execute("truncate billing_usage_events")
            add_usage(sql, "co_1", SUM, 4)
            add_usage(sql, "co_1", LAST, 5)
            assert export_until_settled(scene)[-1].code in SETTLED
            sql.execute("update billing_companies set stripe_customer_id = 'cus_2' where company_id = 'co_1'")
        moved = judge(scene)
        assert moved.lost == {(SUM, "cus_2"): Decimal(4), (LAST, "cus_2"): Decimal(5)}
        assert moved.doubled == {(SUM, "cus_1"): Decimal(4)}
        assert moved.outlived == {(LAST, "cus_1"): Decimal(5)}
        assert moved.above == {}
        scene.stripe.send_as_another("cus_2", "4", int(DAY.timestamp()))
        assert judge(scene).above == {SUM: Decimal(4)}


def test_the_oracle_expects_nothing_more_of_rows_without_a_receiver(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        assert export_until_settled(scene)[-1].code in SETTLED
        with scene.sql() as sql:
            sql.execute("delete from billing_companies")
        unrouted = judge(scene)
        assert unrouted.unrouted_rows
        assert (unrouted.lost, unrouted.above) == ({}, {})


def test_the_oracle_sees_what_is_lost_and_what_is_doubled(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        assert judge(scene).lost
        assert export_until_settled(scene)[-1].code in SETTLED
        assert judge(scene).good
        client = stripe.StripeClient(KEY, base_addresses={"api": scene.stripe.url})
        payload = {"stripe_customer_id": "cus_1", "value": "1.5"}
        client.v1.billing.meter_events.create(
            {"event_name": SUM, "payload": payload, "timestamp": int(DAY.timestamp())}
        )
        assert judge(scene).doubled == {(SUM, "cus_1"): Decimal("1.5")}
        with scene.sql() as sql:
            add_usage(sql, "co_1", SUM, 4)
        assert judge(scene).lost == {(SUM, "cus_1"): Decimal("2.5")}


def changed_names(world: World, seed: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """The changes of one seed, and the usage with its receivers after them."""
    with scene_in(world, random.Random(1)) as scene:
        names = Names(scene, random.Random(seed))
        changes = [names.change() for _ in range(40)]
        names.settle()
        assert judge(scene).unrouted_rows == 0
        with scene.sql() as sql:
            rows = sql.execute(
                "select u.usage_event_id, u.company_id, u.meter, u.occurred_at, c.stripe_customer_id "
                "from billing_usage_events u left join billing_companies c using (company_id) order by 1"
            ).fetchall()
        assert all(DAY <= moment < DAY + timedelta(days=1) for _, _, _, moment, _ in rows)
        return changes, rows
