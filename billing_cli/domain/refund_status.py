"""What Stripe says of a payment's refunds now: a refund can fail days after it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.intent import Intent
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.payment import Payment, Refund
from billing_cli.domain.plan import digest_of

COMMAND = "refund --status"


@dataclass(frozen=True)
class RefundStatus:
    """A refund in Stripe beside the intent it was made for; `intent` is None for one made elsewhere."""

    refund: Refund
    intent: Intent | None

    @property
    def changed(self) -> bool:
        """Whether Stripe says something else than what is written down here."""
        return self.intent is not None and self.intent.stripe_status != self.refund.status

    @property
    def failed(self) -> bool:
        return self.refund.status in ("failed", "canceled")

    @property
    def waits(self) -> bool:
        """For somebody to act, not for the bank."""
        return not self.failed and self.refund.trouble is not None


@dataclass(frozen=True)
class FollowPlan:
    """To write down what has changed at Stripe; nothing is sent there."""

    payment: Payment
    identity: StripeIdentity
    rows: tuple[RefundStatus, ...]
    request: Mapping[str, object]
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = COMMAND

    @property
    def to_note(self) -> tuple[tuple[Intent, Refund], ...]:
        """Our intents whose refunds have another status by now."""
        return tuple((row.intent, row.refund) for row in self.rows if row.intent and row.changed)

    @property
    def empty(self) -> bool:
        return not self.to_note

    @property
    def any_failed(self) -> bool:
        """Failed refunds of ours: the money is back, and somebody has to give it another way."""
        return any(row.failed for row in self.rows if row.intent)

    @property
    def needs_a_person(self) -> bool:
        """Failed refunds of ours, or some for which somebody has to act."""
        return self.any_failed or any(row.waits for row in self.rows if row.intent)


def plan_follow(
    identity: StripeIdentity,
    payment: Payment,
    refunds: Sequence[Refund],
    made_by: Mapping[str, Intent],
    request: Mapping[str, object],
) -> FollowPlan:
    """`made_by`: our intents by the id of the refund they made."""
    rows = tuple(RefundStatus(refund, made_by.get(refund.refund_id)) for refund in refunds)
    changes = {row.refund.refund_id: row.refund.status for row in rows if row.changed}
    return FollowPlan(payment, identity, rows, request, changes, digest_of(COMMAND, identity, changes))
