"""A batch of meter events on its way to Stripe, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.limits import NO_DEMANDS, Demands


class ItemState(StrEnum):
    """Where an item stands; sql/migrations/0007 explains each value."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What is known of an item after it was tried; the values are the database's own."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"
    UNSENT = "unsent"
    UNCOUNTED = "uncounted"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    REFUSED = "refused"


@dataclass(frozen=True)
class MeterEvent:
    """A claimed item: one event, under the one identifier it will ever have.

    `timestamp` is in Unix seconds, `value` plain digits. `maybe_sent`: an earlier run may have sent it, or,
    where it is claimed to be cancelled, may have asked for that.
    """

    item_id: int
    identifier: str
    event_name: str
    customer_key: str
    stripe_customer_id: str
    value_key: str
    value: str
    timestamp: int
    attempts: int
    maybe_sent: bool
    subscription_item: str | None = None

    @property
    def lane(self) -> tuple[str, str]:
        """Events of one lane are sent one after the other: Stripe may refuse concurrent ones."""
        return (self.stripe_customer_id, self.event_name)


@dataclass(frozen=True)
class SendResult:
    """What Stripe's answers, over `tries` tries, prove about one item."""

    item_id: int
    outcome: Outcome
    tries: int = 1
    request_id: str | None = None
    error: str | None = None

    def document(self) -> dict[str, object]:
        """As the database takes it."""
        return {**vars(self), "outcome": self.outcome.value}


@dataclass(frozen=True)
class BatchSummary:
    """A batch and its counts. Durations are in seconds, on the database's clock.

    `runner_gone`: whether the runner's process was on this machine and is gone; None where nobody looked or can tell.
    """

    batch_id: str
    state: str
    stripe_account_id: str
    livemode: bool
    window_start: str
    window_end: str
    actor: str
    digest: str
    opened_at: str
    finished_at: str | None
    verified_at: str | None
    runners: int
    runner: str | None
    runner_silent_s: int | None
    runner_left_s: int | None
    backends: list[str]
    pending: int
    sending: int
    accepted: int
    rejected: int
    ambiguous: int
    missing: int
    cancelling: int
    cancelled: int
    dedup_left_s: int | None
    cancel_left_s: int | None
    runner_gone: bool | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "BatchSummary":
        return cls(**{name: document[name] for name in cls.__dataclass_fields__ if name != "runner_gone"})

    @property
    def left(self) -> int:
        """Items whose outcome is still to be settled."""
        return self.pending + self.sending

    @property
    def items(self) -> int:
        unsure = self.ambiguous + self.missing
        return self.left + self.accepted + self.rejected + unsure + self.cancelling + self.cancelled

    @property
    def next_command(self) -> str:
        """What an operator would type next about this batch."""
        if self.state == "rolling_back":
            return f"LIVE=true billing batches rollback {self.batch_id} --confirm"
        if self.left or self.state == "open":
            return f"LIVE=true billing batches resume {self.batch_id} --confirm"
        if self.rejected:
            return f"billing batches show {self.batch_id} --state rejected"
        for count, state in ((self.ambiguous, ItemState.AMBIGUOUS), (self.missing, ItemState.MISSING)):
            if count:
                return f"billing batches show {self.batch_id} --state {state}"
        if self.accepted and not self.verified_at:
            return f"billing batches verify {self.batch_id}"
        return f"billing batches show {self.batch_id}"


class StopReason(StrEnum):
    """Why a run ended before its batch did."""

    INTERRUPTED = "interrupted"
    STRIPE_UNREACHABLE = "Stripe cannot be reached"
    SOME_UNSETTLED = "some events have no known outcome yet"
    TOTALS_UNREADABLE = "Stripe's totals cannot be read, which tell what was counted of events from over 23 h ago"
    TOTALS_LAG = "Stripe's totals may lag behind the last try of events from over 23 h ago"


@dataclass(frozen=True)
class BatchRun:
    """How a run ended; `stopped` is None when it went to the end of the batch."""

    batch: BatchSummary
    stopped: StopReason | None

    @property
    def finished(self) -> bool:
        return self.batch.state == "done"


@dataclass(frozen=True)
class ResumePlan:
    """To settle what one open batch still has to send."""

    batch: BatchSummary
    identity: StripeIdentity
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = "batches resume"

    @property
    def request(self) -> Mapping[str, object]:
        return {"batch": self.batch.batch_id}

    @property
    def changes(self) -> Mapping[str, object]:
        return {self.batch.batch_id: self.batch.left}

    @property
    def empty(self) -> bool:
        return self.batch.state != "open"
