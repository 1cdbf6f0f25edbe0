"""One run: operators at work under trouble, then calm until every order is settled, and a verdict."""

import random
import threading
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from threading import Thread

from support.crash import Step, start_billing

from campaign.money.operators import Command, next_command
from campaign.money.oracle import judge
from campaign.money.scene import MoneyScene, scene_in
from campaign.money.wishes import PAYMENTS, Order
from campaign.processes import end, hit_all, sleep_through
from campaign.trouble import NAP, Trouble
from campaign.verdict import Verdict
from campaign.world import World

ENDPOINTS = ("/v1/refunds", "/v1/credit_notes", "/v1/invoiceitems", "/v1/customers/", "/v1/invoices/")
STEPS = {"move": 4, "standing": 3, "billing_intents_marks": 1, "billing_intents_open": 1, "billing_intent_settle": 3}
_LONGEST_ATTEMPT_S = 0.4
_CALM_STEPS = 10


def run(seed: int, world: World) -> Verdict:
    """Everything in it follows from the seed, but for the moments at which processes are really hit."""
    dice = random.Random(seed)
    met: set[str] = set()
    codes: list[int | None] = []
    orders: list[Order] = []
    with scene_in(world, dice) as scene:
        for _ in range(dice.randint(1, 4)):
            at_once = _draw_orders(dice, scene, orders, met)
            orders += [order for order in at_once if order not in orders]
            commands = [command for order in at_once if (command := next_command(order, scene))]
            trouble = Trouble.draw(dice, len(commands), _LONGEST_ATTEMPT_S, STEPS)
            met |= trouble.names(over_rest=world.transport == "rest")
            with trouble.upon(scene, ENDPOINTS) as incident, _dashboard(dice, scene, met):
                codes += _attempt(scene, commands, trouble, incident, met)
            if dice.random() < 0.25:
                scene.let_a_day_pass()
                met.add("a day passed")
        codes += settle(scene, orders)
        wrong, unsettled = judge(scene, orders)
    own = {"met a fault of the program's own": codes.count(1), "hung": codes.count(None)}
    return Verdict(seed, frozenset(met), tuple(codes), wrong | own, unsettled, sum(len(o.wishes) for o in orders))


def _draw_orders(dice: random.Random, scene: MoneyScene, orders: Sequence[Order], met: set[str]) -> list[Order]:
    """One order or two, which may be rivals; an earlier one may be taken up again."""
    first = dice.choice(orders) if orders and dice.random() < 0.4 else scene.desk.order()
    if dice.random() < 0.4:
        return [first]
    if dice.random() < 0.7:
        met.add("two operators on one thing")
        return [first, scene.desk.rival(first)]
    return [first, scene.desk.order()]


class _dashboard:
    """A refund made elsewhere, at some moment of the attempt or not at all."""

    def __init__(self, dice: random.Random, scene: MoneyScene, met: set[str]) -> None:
        wish = (f"pi_{dice.randint(1, PAYMENTS)}", dice.randint(100, 4000))
        self._timer = threading.Timer(dice.uniform(0, _LONGEST_ATTEMPT_S), scene.refund_in_dashboard, wish)
        self._happens = dice.random() < 0.3
        met |= {"a refund in the Dashboard"} if self._happens else set()

    def __enter__(self) -> None:
        if self._happens:
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._happens:
            self._timer.join()


def _attempt(
    scene: MoneyScene, commands: Sequence[Command], trouble: Trouble, incident: Thread, met: set[str]
) -> list[int | None]:
    """All commands at once; those that fall asleep may have a colleague that takes over."""
    processes = [
        _start(scene, command.words, trouble.clock_offsets_s[number], trouble.step_of(number))
        for number, command in enumerate(commands)
    ]
    sleepers = hit_all(processes, trouble.hits)
    codes = [end(process) for process in processes if process not in sleepers]
    if sleepers:
        met.add(trouble.sleep)
        incident.join()
        order = commands[processes.index(sleepers[0])].order
        let_time_pass = scene.let_no_time_pass if trouble.sleep == NAP else scene.let_a_day_pass
        codes += sleep_through(
            sleepers, let_time_pass, lambda: _colleague(scene, order, trouble), trouble.wakes_after_s
        )
    for command, process in zip(commands, processes, strict=True):
        command.answered(process.exitcode)
    return codes


def _colleague(scene: MoneyScene, order: Order, trouble: Trouble) -> BaseProcess | None:
    """Another operator, who sees the order in the program's list."""
    command = next_command(order, scene) if trouble.has_successor else None
    return _start(scene, command.words) if command else None


def settle(scene: MoneyScene, orders: list[Order]) -> list[int | None]:
    """Every operator goes on until answered, minutes between the steps; whatever is left open is resumed.

    An intent whose object changed in the Dashboard after its claim is not sent again, and lapses a day later.
    """
    codes: list[int | None] = []
    for order in orders:
        for _ in range(_CALM_STEPS):
            command = next_command(order, scene)
            if command is None:
                break
            codes.append(end(_start(scene, command.words)))
            command.answered(codes[-1])
            scene.let_minutes_pass()
    for step in range(_CALM_STEPS):
        with scene.sql() as sql:
            found = sql.execute("select intent_id from billing_intents where state in ('open', 'sending')").fetchall()
        for (intent_id,) in found:
            codes.append(end(_start(scene, ["--quiet", "intents", "resume", intent_id, "--confirm"])))
        if found and step == _CALM_STEPS // 2:
            scene.let_a_day_pass()
        scene.let_minutes_pass()
    return codes


def _start(scene: MoneyScene, words: Sequence[str], clock_offset_s: int = 0, step: Step | None = None) -> BaseProcess:
    return start_billing(scene.environment, list(words), step, clock_offset_s, scene.slept)
