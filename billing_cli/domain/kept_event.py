"""An event as it is kept in billing_webhooks, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class KeptState(StrEnum):
    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"


@dataclass(frozen=True)
class KeptEvent:
    """`deliveries`: how often Stripe brought it; `waiting_s`: for how long nobody has worked on it.

    `stripe_account_id` is the connected account that it is of; None for the account's own events.
    """

    event_id: str
    event_type: str
    thin: bool
    livemode: bool
    created_at: str
    sequence: int
    object_id: str | None
    company_id: str | None
    source: str
    deliveries: int
    received_at: str
    last_received_at: str
    state: KeptState
    attempts: int
    claimed_by: str | None
    settled_at: str | None
    error: str | None
    effect: str | None
    waiting_s: int | None
    stripe_account_id: str | None

    def is_connected(self, account_id: str) -> bool:
        """Whether it is of another account than this one, whose list at Stripe never has it."""
        return self.stripe_account_id not in (None, account_id)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "KeptEvent":
        values = {field.name: document[field.name] for field in fields(cls)}
        return cls(**{**values, "state": KeptState(document["state"])})
