"""What goes wrong during one attempt: drawn by dice, begun with the attempt, gone after it."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from campaign.faults import Fault, draw_faults, switch_on
from campaign.processes import SIGNALS, Hit
from campaign.world import Place

INCIDENTS = ("database restart", "database crash", "leases end")
CLOCK_JUMPS_S = (-3 * 86400, -3600, -90, 90, 3600, 3 * 86400)
# How a sleeping process fares: has it a successor, and is that done when it wakes?
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
    wakes_after_s: float = 0.0
    clock_offsets_s: list[int] = field(default_factory=list)
    rest_faults: list[str] = field(default_factory=list)
    seed: int = 0

    @classmethod
    def draw(cls, dice: random.Random, processes: int, longest_s: float) -> "Trouble":
        trouble = cls(draw_faults(dice), seed=dice.randrange(2**31))
        if dice.random() < 0.3:
            trouble.incident, trouble.incident_after_s = dice.choice(INCIDENTS), dice.uniform(0, longest_s)
        for number in range(processes):
            if dice.random() < 0.7:
                trouble.hits.append(Hit(number, dice.choice((SIGNALS[0], *SIGNALS)), dice.uniform(0, longest_s)))
            trouble.clock_offsets_s.append(dice.choice(CLOCK_JUMPS_S) if dice.random() < 0.2 else 0)
        trouble.sleep, trouble.wakes_after_s = dice.choice((ALONE, OVERTAKEN, WOKEN_MEANWHILE)), dice.uniform(0, 0.5)
        if dice.random() < 0.4:
            trouble.rest_faults = dice.choices(_REST_FAULTS, k=12)
        return trouble

    def names(self, over_rest: bool) -> set[str]:
        """For counting what a campaign has met; sleep is counted when a process was caught by it."""
        found = {*(f"{fault.name}{', of reads' if fault.reads else ''}" for fault in self.faults)}
        found |= {hit.signal for hit in self.hits if hit.signal != "SIGSTOP"}
        found |= {self.incident} if self.incident else set()
        found |= {"REST faults"} if over_rest and self.rest_faults else set()
        return found | ({"client clock wrong"} if any(self.clock_offsets_s) else set())

    @contextmanager
    def upon(self, place: Place, endpoints: Sequence[str]) -> Iterator[None]:
        switch_on(place.stripe, self.faults, endpoints, self.seed)
        place.break_rest(self.rest_faults)
        happening = threading.Thread(target=self._happen, args=(place,))
        happening.start()
        try:
            yield
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
