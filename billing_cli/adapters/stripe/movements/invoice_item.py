"""A line on a draft, or one that waits for the next invoice."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.metadata import metadata_of, named_by
from billing_cli.adapters.stripe.movements.movement import Status, fields_of
from billing_cli.adapters.stripe.reading import PAGE
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import Intent
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


class InvoiceItemMovement:
    """A negative amount is a credit."""

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        request: Any = {**intent.request, "metadata": metadata_of(intent)}
        return v1.invoice_items.create(request, options)

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        found = v1.invoice_items.list({"customer": intent.request["customer"], "limit": PAGE}).auto_paging_iter()
        return named_by(intent, found)

    def expected(self, intent: Intent) -> Expected:
        return Expected("invoiceitem", fields_of(intent, customer=intent.request["customer"]))

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        return Status()

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        return {}

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        draft = reader.invoice(request["invoice"]).standing if "invoice" in request else {}
        return {"newest line": reader.newest_line(request["customer"]), **draft}
