"""One run of exports: attempts under trouble, usage and names that change, then calm until all is settled, and a verdict."""

import random
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from threading import Thread

from campaign.exports import SETTLED, Answer, Exports, export_until_settled
from campaign.names import Names
from campaign.oracle import judge
from campaign.processes import end, hit_all, sleep_through
from campaign.trouble import NAP, Trouble
from campaign.usage import Scene, scene_in
from campaign.verdict import Verdict
from campaign.world import World

ENDPOINTS = ("/v1/billing/meter_events", "/v2/billing/meter_event_stream", "/v2/billing/meter_event_session")
STEPS = {"send": 30}
OWN_FAULT = 1
_LONGEST_ATTEMPT_S = 0.7
# For which a plain export leaves a total in Stripe that is above the usage; the last is a removal that Stripe refused.
_REASONS_FOR_A_SURPLUS = {"correction", "moved", "value_gone", "rejected"}
_FALSE_DONE = "answered that all is done, and left a surplus"
_NOT_NAMED = "left a surplus that it did not name"


def run(seed: int, world: World, most_changes: int = 3) -> Verdict:
    """Everything in it follows from the seed, but for the moments at which processes are really hit.

    Names change up to `most_changes` times between two attempts, by dice of their own: with 0, the rest stays the same.
    """
    dice, names_dice = random.Random(seed), random.Random(f"names of {seed}")
    with scene_in(world, dice) as scene:
        return _Run(seed, scene, dice, Names(scene, names_dice), names_dice).run(most_changes)


class _Run:
    def __init__(self, seed: int, scene: Scene, dice: random.Random, names: Names, names_dice: random.Random) -> None:
        self._seed, self._scene, self._dice = seed, scene, dice
        self._names, self._names_dice = names, names_dice
        self._exports = Exports(scene)
        self._met: set[str] = set()
        self._story: list[str] = []
        self._codes: list[int | None] = []
        # By law, what broke it after a plain export.
        self._broken: dict[str, list[object]] = {_FALSE_DONE: [], _NOT_NAMED: []}

    def run(self, most_changes: int) -> Verdict:
        scene, dice = self._scene, self._dice
        changes = 0
        for number in range(dice.randint(1, 4)):
            plain = most_changes > 0 and self._names_dice.random() < 0.5
            self._attempt_under_trouble(plain)
            if dice.random() < 0.3:
                scene.let_a_day_pass()
                self._note("a day passed")
            if dice.random() < 0.5:
                scene.add_usage(dice.randint(1, 20))
                self._note("late rows")
            # After the first attempt at least once, so that its usage has other names.
            for _ in range(self._names_dice.randint(0 if number else min(1, most_changes), most_changes)):
                self._note(self._names.change())
                changes += 1
        if changes:
            self._calm_attempt(plain=True)
            self._names.settle()
            self._story.append("names settled")
        self._calm_attempt(plain=False)
        return self._verdict()

    def _note(self, name: str) -> None:
        self._met.add(name)
        self._story.append(name)

    def _attempt_under_trouble(self, plain: bool) -> None:
        trouble = Trouble.draw(self._dice, self._dice.choice((1, 1, 2)), _LONGEST_ATTEMPT_S, STEPS)
        self._met |= trouble.names(over_rest=self._scene.world.transport == "rest")
        self._story.append("plain export" if plain else "export with corrections")
        with trouble.upon(self._scene, ENDPOINTS) as incident:
            self._codes += self._attempt(trouble, incident, self._dice.random() < 0.3, plain)
        self._weigh(self._exports.take_answers(), plain)

    def _attempt(self, trouble: Trouble, incident: Thread, by_stream: bool, plain: bool) -> list[int | None]:
        """Two runners at most, and one that takes over from those that sleep."""
        two = len(trouble.clock_offsets_s) > 1
        words = [*(["--workers", "1"] if two else []), *(["--backend", "stream"] if by_stream else [])]
        self._met |= {
            name for name, met in (("stream", by_stream), ("two runners", two), ("plain export", plain)) if met
        }
        processes = [
            self._exports.start(plain, words, offset_s, trouble.step_of(number))
            for number, offset_s in enumerate(trouble.clock_offsets_s)
        ]
        sleepers = hit_all(processes, trouble.hits)
        codes = [end(process) for process in processes if process not in sleepers]
        if not sleepers:
            return codes
        self._met.add(trouble.sleep)
        incident.join()

        def take_over() -> BaseProcess | None:
            return self._exports.start(plain, words) if trouble.has_successor else None

        let_time_pass = self._scene.let_no_time_pass if trouble.sleep == NAP else self._scene.let_a_day_pass
        return codes + sleep_through(sleepers, let_time_pass, take_over, trouble.wakes_after_s)

    def _calm_attempt(self, plain: bool) -> None:
        self._story.append("calm plain export" if plain else "calm export with corrections")
        answers = export_until_settled(self._scene, plain)
        self._codes += [answer.code for answer in answers]
        self._weigh(answers[-1:], plain)

    def _weigh(self, answers: Sequence[Answer], plain: bool) -> None:
        """A plain export that leaves a surplus has to name the reason, and never answers that all is done."""
        settled = [answer for answer in answers if answer.code in SETTLED] if plain else []
        if not settled:
            return
        judgement, where = judge(self._scene), f"after step {len(self._story)} of the story"
        # What was sent of rows that have no receiver now stays where it is.
        doubled = {} if judgement.unrouted_rows else judgement.doubled
        for answer in settled:
            if answer.code == 0 and (judgement.above or doubled):
                self._broken[_FALSE_DONE].append((where, judgement.above, doubled))
            elif judgement.above and not answer.named & _REASONS_FOR_A_SURPLUS:
                self._broken[_NOT_NAMED].append((where, judgement.above, sorted(answer.named)))

    def _verdict(self) -> Verdict:
        judgement, codes = judge(self._scene), self._codes
        with self._scene.sql() as sql:
            ((rows,),) = sql.execute("select count(*) from billing_usage_events").fetchall()
        wrong = {
            "lost usage": judgement.lost,
            "billed usage twice": judgement.doubled or judgement.repeated_identifiers,
            "kept a last value whose rows are gone": judgement.outlived,
            **self._broken,
            "left rows that cannot be routed": judgement.unrouted_rows,
            "did not come to an end": None in codes or codes[-1] not in SETTLED or judgement.still_open,
            "met a fault of the program's own": codes.count(OWN_FAULT),
        }
        return Verdict(
            self._seed, frozenset(self._met), tuple(codes), wrong, judgement.unsettled, rows, tuple(self._story)
        )
