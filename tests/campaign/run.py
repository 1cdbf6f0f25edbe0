"""One run: attempts under trouble, usage that changes between them, then calm until all is settled, and a verdict."""

import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from support.crash import start_billing
from support.environment import wire_environment

from campaign.oracle import Judgement, judge
from campaign.trouble import Trouble
from campaign.world import DAY, Scene, World

EXPORT = [
    "--quiet",
    "export",
    "--start",
    f"{DAY:%Y-%m-%d}",
    "--end",
    f"{DAY:%Y-%m-%d}",
    "--allow-corrections",
    "--confirm",
]
# How a run may end when nothing more goes wrong: all done, or done but for what a person has to look at.
SETTLED = (0, 3)
_LONGEST_ATTEMPT_S = 0.7
_CALM_ATTEMPTS = 8
_HANGS_AFTER_S = 90


@dataclass(frozen=True)
class Verdict:
    """`codes` are the exit codes in order, None for a process that had to be given up; `met` is what went wrong."""

    seed: int
    met: frozenset[str]
    codes: tuple[int | None, ...]
    judgement: Judgement
    rows: int

    @property
    def hung(self) -> bool:
        return None in self.codes or self.codes[-1] not in SETTLED

    @property
    def good(self) -> bool:
        return self.judgement.good and not self.hung


def run(seed: int, world: World) -> Verdict:
    """Everything in it follows from the seed, but for the moments at which processes are really hit."""
    dice = random.Random(seed)
    met: set[str] = set()
    codes: list[int | None] = []
    with world.database() as db_url:
        scene = Scene(world, db_url, dice)
        for _ in range(dice.randint(1, 4)):
            trouble = Trouble.draw(dice, _LONGEST_ATTEMPT_S)
            met |= trouble.names()
            with trouble.upon(scene):
                codes += _attempt(scene, trouble)
            if dice.random() < 0.3:
                scene.let_a_day_pass()
                met.add("a day passed")
            if dice.random() < 0.5:
                scene.add_usage(dice.randint(1, 20))
                met.add("late rows")
        codes += export_until_settled(scene)
        judgement = judge(scene)
        with scene.sql() as sql:
            counted = sql.execute("select count(*) from billing_usage_events").fetchone()
    return Verdict(seed, frozenset(met), tuple(codes), judgement, counted[0] if counted else 0)


def _attempt(scene: Scene, trouble: Trouble) -> list[int | None]:
    words = [*EXPORT, "--workers", "1"] if trouble.runners > 1 else EXPORT
    words = [*words, "--backend", "stream"] if trouble.by_stream else words
    processes = [_start(scene, words, offset_s) for offset_s in trouble.clock_offsets_s]
    started_at = time.monotonic()
    hits = sorted((hit[1], hit[0], process) for hit, process in zip(trouble.signals, processes, strict=True) if hit)
    for after_s, name, process in hits:
        process.join(max(0.0, started_at + after_s - time.monotonic()))
        _hit(process, name)
    return [_end(process) for process in processes]


def export_until_settled(scene: Scene) -> list[int | None]:
    """Cron would do no more: the same command again, until it says that all is done."""
    codes: list[int | None] = []
    while len(codes) < _CALM_ATTEMPTS and (not codes or codes[-1] not in SETTLED):
        codes.append(_end(_start(scene, EXPORT, 0)))
    return codes


def _start(scene: Scene, words: Sequence[str], clock_offset_s: int) -> BaseProcess:
    return start_billing(wire_environment(scene.db_url, scene.world.stripe.url), list(words), None, clock_offset_s)


def _hit(process: BaseProcess, name: str) -> None:
    if process.is_alive() and process.pid:
        if name == "SIGKILL":
            process.kill()
        else:
            os.kill(process.pid, signal.Signals[name])


def _end(process: BaseProcess) -> int | None:
    process.join(_HANGS_AFTER_S)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode
