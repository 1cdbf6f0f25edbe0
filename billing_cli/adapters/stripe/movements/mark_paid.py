"""An invoice that was paid outside of Stripe."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.movements.invoice_state import InvoiceStateMovement
from billing_cli.domain.intent import Intent

if TYPE_CHECKING:
    from stripe._v1_services import V1Services


class MarkPaidMovement(InvoiceStateMovement):
    """Paid there and here."""

    after = "paid"

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        request: Any = dict(intent.request)
        return v1.invoices.pay(request.pop("invoice"), request, options)

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        """The total is more than was paid if a balance or a credit note took a part of it."""
        return {"invoice_id": made.id, "amount_paid_minor": made.amount_paid}
