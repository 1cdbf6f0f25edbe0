"""What the rooms that change the state of an invoice have in common: no object is made, the state is the proof."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from billing_cli.adapters.stripe.movements.movement import Status
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import Intent
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


class InvoiceStateMovement:
    """`after` is the status that the invoice has afterwards. It may have it by other hands; then nothing is sent."""

    after: ClassVar[str]

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        invoice = v1.invoices.retrieve(intent.request["invoice"])
        return [invoice] if invoice.status == self.after else []

    def expected(self, intent: Intent) -> Expected:
        return Expected("invoice", {("id",): intent.request["invoice"], ("status",): self.after})

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        return Status(str(made.status))

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        return {"invoice_id": made.id}

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        return reader.invoice(request["invoice"]).standing
