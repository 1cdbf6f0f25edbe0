"""Which payments can be given back, as a pure function."""

import pytest
import stripe

from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money
from billing_cli.domain.payment import (
    ASKED_DISPUTES,
    ENDED_DISPUTES,
    HOLDING_DISPUTES,
    Dispute,
    Payment,
    check_refundable,
)

# Stripe's API reference, Dispute.status of the pinned version.
STATUSES = {
    "appeal_needs_response",
    "appeal_under_review",
    "lost",
    "needs_response",
    "prevented",
    "under_review",
    "warning_closed",
    "warning_needs_response",
    "warning_under_review",
    "won",
}
MONEY = Money(100, "usd")


def payment(status: str, refundable: bool) -> Payment:
    return Payment("pi_1", "succeeded", "usd", "cus_1", 100, 0, disputes=(Dispute(status, 100, refundable),))


def test_every_status_of_the_pinned_version_is_known() -> None:
    assert HOLDING_DISPUTES | ENDED_DISPUTES | ASKED_DISPUTES == STATUSES
    assert stripe.api_version == "2026-10-28.endive"


@pytest.mark.parametrize("refundable", [False, True])
@pytest.mark.parametrize("status", [*sorted(HOLDING_DISPUTES), "a_status_of_tomorrow", ""])
def test_held_money_and_what_is_not_known_hold_the_refund(status: str, refundable: bool) -> None:
    with pytest.raises(BadInput, match="is disputed over"):
        check_refundable(payment(status, refundable), MONEY)


@pytest.mark.parametrize("status", sorted(ASKED_DISPUTES))
def test_where_no_money_is_held_stripe_decides(status: str) -> None:
    check_refundable(payment(status, True), MONEY)
    with pytest.raises(BadInput, match="takes no refund"):
        check_refundable(payment(status, False), MONEY)


@pytest.mark.parametrize("refundable", [False, True])
@pytest.mark.parametrize("status", sorted(ENDED_DISPUTES))
def test_a_dispute_that_ended_for_us_is_no_obstacle(status: str, refundable: bool) -> None:
    check_refundable(payment(status, refundable), MONEY)
