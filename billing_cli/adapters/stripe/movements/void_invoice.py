"""An invoice that is not owed any more."""

from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.movements.invoice_state import InvoiceStateMovement
from billing_cli.domain.intent import Intent

if TYPE_CHECKING:
    from stripe._v1_services import V1Services


class VoidInvoiceMovement(InvoiceStateMovement):
    """Void there and here. What it took from the customer's balance or credit grants goes back there."""

    after = "void"

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        return v1.invoices.void_invoice(intent.request["invoice"], {}, options)
