"""What moved the money on the Stripe balance, in the currency it settled in."""

from dataclasses import dataclass
from datetime import datetime

# https://docs.stripe.com/reports/reporting-categories: money that came from or went back to customers.
CUSTOMER_MONEY = frozenset(
    ("charge", "charge_failure", "partial_capture_reversal", "refund", "refund_failure", "dispute", "dispute_reversal")
)

# Stripe's name of the balance that customers pay into. Versions before 2025 do not name it.
PAYMENTS_BALANCE = "payments"


@dataclass(frozen=True)
class BalanceTransaction:
    """`amount_minor` is gross, `net_minor` is gross minus fee; all three in `currency`, in which it settled.

    `payment_id` is the payment intent (or the charge of a payment without one), where there is a payment.
    `shown_minor` and `shown_currency` are what the customer saw. Of a charge, `authorized_minor` is what was
    asked for, and `refunded_minor` all that was given back until now; None where the source does not tell.
    `balance_type` names the balance that it moved: an account may have several beside that of payments.
    """

    transaction_id: str
    category: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    created_at: datetime
    available_at: datetime
    source_id: str | None = None
    payment_id: str | None = None
    customer_id: str | None = None
    shown_minor: int | None = None
    shown_currency: str | None = None
    exchange_rate: str | None = None
    authorized_minor: int | None = None
    refunded_minor: int | None = None
    fee_tax_minor: int = 0
    payout_id: str | None = None
    description: str | None = None
    balance_type: str = PAYMENTS_BALANCE
