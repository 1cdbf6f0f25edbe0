"""The one list of rooms: which movement each kind of intent is."""

from typing import assert_never

from billing_cli.adapters.stripe.movements.credit_grant import CreditGrantMovement
from billing_cli.adapters.stripe.movements.credit_note import CreditNoteMovement
from billing_cli.adapters.stripe.movements.customer_balance import CustomerBalanceMovement
from billing_cli.adapters.stripe.movements.invoice_item import InvoiceItemMovement
from billing_cli.adapters.stripe.movements.mark_paid import MarkPaidMovement
from billing_cli.adapters.stripe.movements.mark_uncollectible import MarkUncollectibleMovement
from billing_cli.adapters.stripe.movements.movement import Movement
from billing_cli.adapters.stripe.movements.refund import RefundMovement
from billing_cli.adapters.stripe.movements.void_invoice import VoidInvoiceMovement
from billing_cli.domain.movement import IntentKind


def room_of(kind: IntentKind) -> Movement:
    """The movement of this kind. A kind without a room does not pass mypy, and is refused at run time."""
    match kind:
        case IntentKind.REFUND:
            return RefundMovement()
        case IntentKind.CREDIT_NOTE:
            return CreditNoteMovement()
        case IntentKind.INVOICE_ITEM:
            return InvoiceItemMovement()
        case IntentKind.BALANCE:
            return CustomerBalanceMovement()
        case IntentKind.MARK_PAID:
            return MarkPaidMovement()
        case IntentKind.VOID_INVOICE:
            return VoidInvoiceMovement()
        case IntentKind.MARK_UNCOLLECTIBLE:
            return MarkUncollectibleMovement()
        case IntentKind.CREDIT_GRANT:
            return CreditGrantMovement()
        case _:
            assert_never(kind)
