"""An invoice that is written off as bad debt."""

from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.movements.invoice_state import InvoiceStateMovement
from billing_cli.domain.intent import Intent

if TYPE_CHECKING:
    from stripe._v1_services import V1Services


class MarkUncollectibleMovement(InvoiceStateMovement):
    """Uncollectible there and here. It is still owed, and may still be paid."""

    after = "uncollectible"

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        return v1.invoices.mark_uncollectible(intent.request["invoice"], {}, options)
