"""The fault campaign in its short form; `make chaos` is the long one."""

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
import stripe
from campaign.oracle import judge
from campaign.run import SETTLED, export_until_settled, run
from campaign.usage import DAY, SUM, scene_in
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
    verdict = run(seed, world)
    assert verdict.good, verdict


def test_the_oracle_sees_what_is_lost_and_what_is_doubled(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        assert judge(scene).lost
        assert export_until_settled(scene)[-1] in SETTLED
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
