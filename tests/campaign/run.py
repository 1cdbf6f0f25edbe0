"""One run of exports: attempts under trouble, usage that changes, then calm until all is settled, and a verdict."""

import random
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from threading import Thread

from support.crash import Step, start_billing

from campaign.oracle import judge
from campaign.processes import end, hit_all, sleep_through
from campaign.trouble import NAP, Trouble
from campaign.usage import DAY, Scene, scene_in
from campaign.verdict import Verdict
from campaign.world import World

_DAY = f"{DAY:%Y-%m-%d}"
EXPORT = ["--quiet", "export", "--start", _DAY, "--end", _DAY, "--allow-corrections", "--confirm"]
ENDPOINTS = ("/v1/billing/meter_events", "/v2/billing/meter_event_stream", "/v2/billing/meter_event_session")
STEPS = {"send": 30}
# How a run may end when nothing more goes wrong: all done, or done but for what a person has to look at.
SETTLED = (0, 3)
OWN_FAULT = 1
_LONGEST_ATTEMPT_S = 0.7
_CALM_ATTEMPTS = 8


def run(seed: int, world: World) -> Verdict:
    """Everything in it follows from the seed, but for the moments at which processes are really hit."""
    dice = random.Random(seed)
    met: set[str] = set()
    codes: list[int | None] = []
    with scene_in(world, dice) as scene:
        for _ in range(dice.randint(1, 4)):
            trouble = Trouble.draw(dice, dice.choice((1, 1, 2)), _LONGEST_ATTEMPT_S, STEPS)
            met |= trouble.names(over_rest=world.transport == "rest")
            with trouble.upon(scene, ENDPOINTS) as incident:
                codes += _attempt(scene, trouble, incident, dice.random() < 0.3, met)
            if dice.random() < 0.3:
                scene.let_a_day_pass()
                met.add("a day passed")
            if dice.random() < 0.5:
                scene.add_usage(dice.randint(1, 20))
                met.add("late rows")
        codes += export_until_settled(scene)
        return _verdict(seed, scene, met, codes)


def _verdict(seed: int, scene: Scene, met: set[str], codes: Sequence[int | None]) -> Verdict:
    judgement = judge(scene)
    with scene.sql() as sql:
        ((rows,),) = sql.execute("select count(*) from billing_usage_events").fetchall()
    wrong = {
        "lost usage": judgement.lost,
        "billed usage twice": judgement.doubled or judgement.repeated_identifiers,
        "did not come to an end": None in codes or codes[-1] not in SETTLED or judgement.still_open,
        "met a fault of the program's own": codes.count(OWN_FAULT),
    }
    return Verdict(seed, frozenset(met), tuple(codes), wrong, judgement.unsettled, rows)


def _attempt(scene: Scene, trouble: Trouble, incident: Thread, by_stream: bool, met: set[str]) -> list[int | None]:
    """Two runners at most, and one that takes over from those that sleep."""
    two = len(trouble.clock_offsets_s) > 1
    words = [*EXPORT, *(["--workers", "1"] if two else []), *(["--backend", "stream"] if by_stream else [])]
    met |= ({"stream"} if by_stream else set()) | ({"two runners"} if two else set())
    processes = [
        _start(scene, words, offset_s, trouble.step_of(number))
        for number, offset_s in enumerate(trouble.clock_offsets_s)
    ]
    sleepers = hit_all(processes, trouble.hits)
    codes = [end(process) for process in processes if process not in sleepers]
    if not sleepers:
        return codes
    met.add(trouble.sleep)
    incident.join()

    def take_over() -> BaseProcess | None:
        return _start(scene, words) if trouble.has_successor else None

    let_time_pass = scene.let_no_time_pass if trouble.sleep == NAP else scene.let_a_day_pass
    return codes + sleep_through(sleepers, let_time_pass, take_over, trouble.wakes_after_s)


def export_until_settled(scene: Scene) -> list[int | None]:
    """Cron would do no more: the same command again, until it answers that it is done."""
    codes: list[int | None] = []
    while len(codes) < _CALM_ATTEMPTS and (not codes or codes[-1] not in SETTLED):
        codes.append(end(_start(scene, EXPORT)))
    return codes


def _start(scene: Scene, words: Sequence[str], clock_offset_s: int = 0, step: Step | None = None) -> BaseProcess:
    return start_billing(scene.environment, list(words), step, clock_offset_s, scene.slept)
