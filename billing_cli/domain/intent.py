"""An intent: money about to be moved in Stripe under one idempotency key, and what became of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from billing_cli.domain.money import Money
from billing_cli.domain.movement import IntentKind as IntentKind
from billing_cli.domain.movement import rule_of

# The metadata of every object that Stripe makes for an intent names it.
METADATA_KEY = "billing_intent"
# Two ways to give a payment back; a credit note that gives nothing back has another subject than a payment.
_MONEY_BACK = {IntentKind.REFUND, IntentKind.CREDIT_NOTE}
_WAITING = frozenset({"pending", "requires_action"})


class IntentState(StrEnum):
    """Where an intent stands; sql/migrations/0003 explains each value."""

    OPEN = "open"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    LAPSED = "lapsed"

    @property
    def is_open(self) -> bool:
        return self in (IntentState.OPEN, IntentState.SENDING)


class MoveOutcome(StrEnum):
    """What is known after trying; the values are the database's own."""

    DONE = "done"
    REFUSED = "refused"
    LAPSED = "lapsed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Action:
    """A change that a plan proposes. `facts` are what it was decided on: part of the digest, and shown.

    `subject` is the payment, invoice or customer that may have one open intent at a time; `touches` are all that it
    changes, and `seen` is how they stand in Stripe (`domain/standing.py`).
    `request` holds Stripe's parameters. `source_key` names the line of a file it comes from.
    """

    kind: IntentKind
    company_id: str
    subject: str
    money: Money
    in_favour_of_company: bool
    request: Mapping[str, object]
    reason: str
    note: str | None
    facts: Mapping[str, object]
    touches: tuple[str, ...]
    seen: Mapping[str, object]
    source_key: str | None = None

    def changes(self) -> dict[str, object]:
        """All of it, as the digest and plan files have it."""
        return {
            "kind": self.kind.value,
            "company_id": self.company_id,
            "subject": self.subject,
            "amount": self.money.document(),
            "request": dict(self.request),
            "reason": self.reason,
            "note": self.note,
            "source_key": self.source_key,
            "facts": {name: fact_document(value) for name, value in self.facts.items()},
        }


@dataclass(frozen=True)
class Intent:
    """An intent as the database has it. Ages are in seconds, on the database's clock."""

    intent_id: str
    command: str
    kind: IntentKind
    company_id: str
    subject: str
    money: Money
    in_favour_of_company: bool
    request: Mapping[str, Any]
    reason: str
    note: str | None
    source_key: str | None
    state: IntentState
    actor: str
    opened_at: str
    age_s: int
    sent_age_s: int | None
    attempts: int
    claimed_by: str | None
    claim_left_s: int | None
    settled_at: str | None
    stripe_object_id: str | None
    stripe_status: str | None
    request_id: str | None
    error: str | None
    stripe_account_id: str
    livemode: bool

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Intent":
        values = {name: document[name] for name in cls.__dataclass_fields__ if name != "money"}
        money = Money(document["amount_minor"], document["currency"])
        intent = cls(**values, money=money)
        return replace(intent, kind=IntentKind(intent.kind), state=IntentState(intent.state))

    @property
    def is_open(self) -> bool:
        return self.state.is_open

    @property
    def is_reversed(self) -> bool:
        """Whether it has no effect any more: a refund that failed at the bank, a credit note that is void."""
        return self.stripe_status in rule_of(self.kind).reversed_by

    @property
    def needs_a_person(self) -> bool:
        """Refused, lapsed, reversed, or done with something that somebody has to see to."""
        ended = self.state in (IntentState.REFUSED, IntentState.LAPSED) or self.is_reversed
        return ended or (self.state is IntentState.DONE and self.error is not None)

    @property
    def waits_for_somebody(self) -> bool:
        """A refund that is made, and for which the balance must be topped up or the customer must act."""
        return self.state is IntentState.DONE and self.stripe_status in _WAITING and self.error is not None

    def is_for(self, action: Action) -> bool:
        """Whether this intent asks for the very same: a retry cannot be told from a second wish by more."""
        if self.kind is not action.kind and {self.kind, action.kind} != _MONEY_BACK:
            return False
        mine = (self.company_id, self.subject, self.money, self.in_favour_of_company, self.reason, self.note)
        return mine == (
            action.company_id,
            action.subject,
            action.money,
            action.in_favour_of_company,
            action.reason,
            action.note,
        )


@dataclass(frozen=True)
class MoveResult:
    """What Stripe's answers, or its lists, prove about an intent.

    `stored_failure`: Stripe gives a kept 500 again, so trying under this key is no use any more.
    `here` is what the deployment's own row should say now.
    """

    outcome: MoveOutcome
    object_id: str | None = None
    status: str | None = None
    request_id: str | None = None
    error: str | None = None
    tries: int = 1
    stored_failure: bool = False
    here: Mapping[str, object] | None = None


def new_intent_id() -> str:
    """Unique over machines and over time; it is the idempotency key."""
    return f"int_{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(8)}"


def fact_document(value: object) -> object:
    """A fact as JSON: money as minor units and currency, everything else as it is."""
    return value.document() if isinstance(value, Money) else value
