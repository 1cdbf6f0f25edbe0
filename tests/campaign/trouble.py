"""What goes wrong during one attempt: drawn by dice, begun with the attempt, gone after it."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.crash import Step

from campaign.faults import Fault, draw_faults, switch_on
from campaign.processes import SIGNALS, Hit
from campaign.world import Place

AT_STEPS = ("SIGKILL", "SIGSTOP")
INCIDENTS = ("database restart", "database crash", "leases end")
CLOCK_JUMPS_S = (-3 * 86400, -3600, -90, 90, 3600, 3 * 86400)
# How a sleeping process fares: has it a successor, and is that done when it wakes?
NAP = "asleep for a moment"
ALONE, OVERTAKEN, WOKEN_MEANWHILE = (
    "asleep for a day, alone",
    "asleep for a day, overtaken",
    "woken beside its successor",
)
_REST_FAULTS = ("lost_reply", "503", "reset", "", "", "")


@dataclass
class Trouble:
    """One attempt's share of it. Delays are in seconds from the attempt's start; a process is hit at most once."""

    faults: list[Fault] = field(default_factory=list)
    incident: str | None = None
    incident_after_s: float = 0.0
    hits: list[Hit] = field(default_factory=list)
    sleep: str = ALONE
    # After its successor began; None is a day after that has ended.
    wakes_after_s: float | None = None
    clock_offsets_s: list[int] = field(default_factory=list)
    rest_faults: list[str] = field(default_factory=list)
    seed: int = 0

    @classmethod
    def draw(cls, dice: random.Random, processes: int, longest_s: float, steps: Mapping[str, int]) -> "Trouble":
        """Signals come within `longest_s` seconds, or at a step with one of these names of `support.crash`, the nth time at most."""
        trouble = cls(draw_faults(dice), seed=dice.randrange(2**31))
        if dice.random() < 0.3:
            trouble.incident, trouble.incident_after_s = dice.choice(INCIDENTS), dice.uniform(0, longest_s)
        for number in range(processes):
            if dice.random() < 0.7:
                trouble.hits.append(_hit(dice, number, longest_s, steps))
            trouble.clock_offsets_s.append(dice.choice(CLOCK_JUMPS_S) if dice.random() < 0.2 else 0)
        trouble.sleep = dice.choice((NAP, ALONE, OVERTAKEN, WOKEN_MEANWHILE))
        trouble.wakes_after_s = dice.uniform(0, 0.5) if trouble.sleep == WOKEN_MEANWHILE else None
        if dice.random() < 0.4:
            trouble.rest_faults = dice.choices(_REST_FAULTS, k=12)
        return trouble

    @property
    def has_successor(self) -> bool:
        """Whether another process takes over from one that sleeps."""
        return self.sleep in (OVERTAKEN, WOKEN_MEANWHILE)

    def step_of(self, number: int) -> Step | None:
        """The step at which the process with this number is hit."""
        return next((hit.step for hit in self.hits if hit.number == number), None)

    def names(self, over_rest: bool) -> set[str]:
        """For counting what a campaign has met; sleep is counted when a process was caught by it."""
        found = {*(f"{fault.name}{', of reads' if fault.reads else ''}" for fault in self.faults)}
        found |= {hit.signal for hit in self.hits if hit.signal != "SIGSTOP"}
        found |= {self.incident} if self.incident else set()
        found |= {"REST faults"} if over_rest and self.rest_faults else set()
        return found | ({"client clock wrong"} if any(self.clock_offsets_s) else set())

    @contextmanager
    def upon(self, place: Place, endpoints: Sequence[str]) -> Iterator[threading.Thread]:
        """Yields the thread of the incident: until it has ended, the database may be away."""
        switch_on(place.stripe, self.faults, endpoints, self.seed)
        place.break_rest(self.rest_faults)
        happening = threading.Thread(target=self._happen, args=(place,))
        happening.start()
        try:
            yield happening
        finally:
            happening.join()
            place.stripe.heal()
            place.break_rest([])

    def _happen(self, place: Place) -> None:
        actions: dict[str, Callable[[], None]] = {
            "database restart": lambda: place.world.restart_postgres(violently=False),
            "database crash": lambda: place.world.restart_postgres(violently=True),
            "leases end": place.end_leases,
        }
        if self.incident:
            time.sleep(self.incident_after_s)
            actions[self.incident]()


def _hit(dice: random.Random, number: int, longest_s: float, steps: Mapping[str, int]) -> Hit:
    name, after_s = dice.choice((*SIGNALS, *AT_STEPS)), dice.uniform(0, longest_s)
    if name not in AT_STEPS or dice.random() < 0.4:
        return Hit(number, name, after_s)
    where = dice.choice(list(steps))
    step = Step(where, dice.choice(("before", "after")), dice.randint(1, steps[where]), signal.Signals[name])
    return Hit(number, name, after_s, step)
