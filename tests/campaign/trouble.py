"""What goes wrong during one attempt: drawn by dice, begun with the attempt, gone after it."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from campaign.world import Scene

# Faults of Stripe's side. A 500 that is stored is replayed under its idempotency key for a day, as Stripe does.
FAULTS: dict[str, dict[str, object]] = {
    "lost replies": {"kind": "lost_reply", "probability": 0.2},
    "resets": {"kind": "reset", "probability": 0.2},
    "429 storm": {"kind": "status", "status": 429, "probability": 0.4, "count": 120},
    "500 before": {"kind": "status", "status": 500, "probability": 0.2},
    "500 after, replayed": {"kind": "status", "status": 500, "probability": 0.2, "commit": True, "stored": True},
    "502 after": {"kind": "status", "status": 502, "probability": 0.2, "commit": True, "stored": False},
    "409": {"kind": "status", "status": 409, "probability": 0.2, "count": 60},
    "delays": {"kind": "delay", "delay_s": 0.05, "probability": 0.5},
}
ENDPOINTS = ("/v1/billing/meter_events", "/v2/billing/meter_event_stream")
INCIDENTS = ("database restart", "database crash", "leases end")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
CLOCK_JUMPS_S = (-3 * 86400, -3600, -90, 90, 3600, 3 * 86400)


@dataclass
class Trouble:
    """One attempt's share of it. Delays are in seconds from the attempt's start; a runner is killed at most once."""

    faults: list[str] = field(default_factory=list)
    incident: str | None = None
    incident_after_s: float = 0.0
    signals: list[tuple[str, float] | None] = field(default_factory=list)
    clock_offsets_s: list[int] = field(default_factory=list)
    by_stream: bool = False
    seed: int = 0

    @property
    def runners(self) -> int:
        return len(self.signals)

    @classmethod
    def draw(cls, dice: random.Random, longest_s: float) -> "Trouble":
        trouble = cls(seed=dice.randrange(2**31))
        trouble.by_stream = dice.random() < 0.3
        trouble.faults = dice.sample(list(FAULTS), dice.choice((0, 1, 1, 2)))
        if dice.random() < 0.35:
            trouble.incident, trouble.incident_after_s = dice.choice(INCIDENTS), dice.uniform(0, longest_s)
        for _ in range(dice.choice((1, 1, 2))):
            hit = (dice.choice((SIGNALS[0], *SIGNALS)), dice.uniform(0, longest_s)) if dice.random() < 0.7 else None
            trouble.signals.append(hit)
            trouble.clock_offsets_s.append(dice.choice(CLOCK_JUMPS_S) if dice.random() < 0.3 else 0)
        return trouble

    def names(self) -> set[str]:
        """For counting what a campaign has met."""
        found = {*self.faults, *(hit[0] for hit in self.signals if hit)}
        found |= {self.incident} if self.incident else set()
        found |= {"stream"} if self.by_stream else set()
        found |= {"client clock wrong"} if any(self.clock_offsets_s) else set()
        return found | ({"two runners"} if self.runners > 1 else set())

    @contextmanager
    def upon(self, scene: Scene) -> Iterator[None]:
        for number, name in enumerate(self.faults):
            for endpoint in ENDPOINTS:
                scene.world.stripe.fault(endpoint=endpoint, seed=self.seed + number, **FAULTS[name])
        happening = threading.Thread(target=self._happen, args=(scene,))
        happening.start()
        try:
            yield
        finally:
            happening.join()
            scene.world.stripe.heal()

    def _happen(self, scene: Scene) -> None:
        actions: dict[str, Callable[[], None]] = {
            "database restart": lambda: scene.world.restart_postgres(violently=False),
            "database crash": lambda: scene.world.restart_postgres(violently=True),
            "leases end": scene.end_leases,
        }
        if self.incident:
            time.sleep(self.incident_after_s)
            actions[self.incident]()
