"""Sending kept events again: the plan, what is sent, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import digest_of

COMMAND = "webhooks replay"


@dataclass(frozen=True)
class ReplayEvent:
    """One event to be sent; `subject` is what it is about, whose events keep their order."""

    position: int
    event_id: str
    event_type: str
    subject: str


@dataclass(frozen=True)
class Delivery:
    """What came of sending one. `status_code` is None where no answer came; `error` is None after a 2xx."""

    position: int
    event_id: str
    event_type: str
    status_code: int | None
    took_ms: int
    error: str | None

    def document(self) -> dict[str, object]:
        """As the database takes it."""
        state = "delivered" if self.error is None else "failed"
        named = {name: getattr(self, name) for name in ("position", "status_code", "took_ms", "error")}
        return {**named, "state": state}


@dataclass(frozen=True)
class ReplayPlan:
    """`replay_id` is set where an interrupted replay is taken up again."""

    identity: StripeIdentity
    target: str
    events: tuple[ReplayEvent, ...]
    replay_id: str | None
    request: Mapping[str, object]
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = COMMAND

    @property
    def empty(self) -> bool:
        return not self.events


@dataclass(frozen=True)
class Replay:
    """A replay as it is written down."""

    replay_id: str
    target: str
    livemode: bool
    runner: str | None
    pending: int
    delivered: int
    failed: int

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Replay":
        return cls(**{field.name: document[field.name] for field in fields(cls)})

    @property
    def next_command(self) -> str | None:
        if not self.pending and not self.failed:
            return None
        return f"LIVE=true billing webhooks replay --resume {self.replay_id} --confirm"


def plan_replay(
    identity: StripeIdentity,
    target: str,
    events: Sequence[ReplayEvent],
    replay_id: str | None,
    request: Mapping[str, object],
) -> ReplayPlan:
    changes = {"target": target, "replay_id": replay_id, "events": [event.event_id for event in events]}
    return ReplayPlan(
        identity, target, tuple(events), replay_id, request, changes, digest_of(COMMAND, identity, changes)
    )
