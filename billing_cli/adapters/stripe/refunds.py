"""A refund as Stripe has it."""

from datetime import UTC, datetime

import stripe

from billing_cli.domain.money import Money
from billing_cli.domain.payment import Refund


def refund_of(refund: stripe.Refund) -> Refund:
    """Ours for Stripe's object."""
    return Refund(
        refund_id=refund.id,
        money=Money(refund.amount, refund.currency),
        status=refund.status or "",
        created_at=datetime.fromtimestamp(refund.created, UTC).isoformat(),
        failure_reason=getattr(refund, "failure_reason", None),
        pending_reason=getattr(refund, "pending_reason", None),
    )
