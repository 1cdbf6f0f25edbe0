"""The money campaign in its short form, and its oracle."""

import os
import random
from collections.abc import Iterator

import pytest
from campaign.money.oracle import judge
from campaign.money.run import run, settle
from campaign.money.scene import MoneyScene, scene_in
from campaign.money.wishes import REFUND, Order, Wish
from campaign.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    found = World(tmp_path_factory.mktemp("campaign"))
    yield found
    found.close()


@pytest.mark.parametrize("seed", range(1, 5))
def test_whatever_goes_wrong_money_moves_once_and_is_recorded(seed: int, world: World) -> None:
    verdict = run(seed, world)
    assert verdict.good, verdict


def test_the_oracle_sees_what_moved_twice_was_denied_or_is_recorded_nowhere(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        order = refund_order("wish 1", 1250)
        assert settle(scene, [order]) == [0]
        assert broken(scene, [order]) == set()
        ((intent_id, _),) = scene.states(order.wishes[0])
        again = {"payment_intent": "pi_1", "amount": 1250, "metadata": {"billing_intent": intent_id}}
        scene.stripe.client().v1.refunds.create(again)  # type: ignore[arg-type]
        assert broken(scene, [order]) == {"carried out a wish twice", "adjustments other than movements"}
        with scene.sql() as sql:
            sql.execute("update billing_intents set state = 'refused'")
        assert "refused or lapsed, and yet moved" in broken(scene, [order])
        scene.stripe.client().v1.refunds.create({"payment_intent": "pi_2", "amount": 1})
        assert "moved money that is recorded nowhere" in broken(scene, [order])


def test_the_oracle_sees_answers_and_records_of_what_stripe_does_not_have(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        order = refund_order("wish 1", 1250)
        assert settle(scene, [order]) == [0]
        scene.stripe.reset()
        assert broken(scene, [order]) == {
            "answered done what was not",
            "recorded what Stripe does not have",
            "adjustments other than movements",
        }
        with scene.sql() as sql:
            sql.execute("update billing_intents set state = 'sending'")
        assert "did not come to an end" in broken(scene, [order])


def test_the_oracle_sees_a_plan_that_was_old_when_it_was_carried_out(world: World) -> None:
    with scene_in(world, random.Random(1)) as scene:
        orders = [refund_order("wish 1", 1250), refund_order("wish 2", 1300)]
        assert settle(scene, orders) == [0, 0]
        assert broken(scene, orders) == set()
        os.utime(orders[1].attempts[0].plan, (scene.began_at, scene.began_at))
        assert broken(scene, orders) == {"carried out on old facts"}


def refund_order(name: str, amount: int) -> Order:
    words = ["--quiet", "refund", "co_2", "pi_1", "--amount-minor", str(amount), "--reason", "duplicate"]
    return Order([*words, "--note", name], [Wish(name, REFUND, "pi_1", amount)])


def broken(scene: MoneyScene, orders: list[Order]) -> set[str]:
    return {law for law, found in judge(scene, orders)[0].items() if found}
