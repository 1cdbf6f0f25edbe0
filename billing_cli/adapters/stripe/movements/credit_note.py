"""A credit note on a finalized invoice, with or without money back."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.metadata import metadata_of, named_by
from billing_cli.adapters.stripe.movements.movement import Status, fields_of, payment_row, status_of
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import Intent
from billing_cli.domain.movement import VOID
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


class CreditNoteMovement:
    """One that gives money back has `refund_amount` in its request, and a payment as its subject."""

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        request: Any = {**intent.request, "metadata": metadata_of(intent)}
        return v1.credit_notes.create(request, options)

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        found = v1.credit_notes.list({"invoice": intent.request["invoice"], "limit": PAGE}).auto_paging_iter()
        return named_by(intent, found)

    def expected(self, intent: Intent) -> Expected:
        return Expected("credit_note", fields_of(intent, invoice=intent.request["invoice"]))

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        """Of the refund that it made, because that may fail later. A void note stays void."""
        if not made.refunds or made.status == VOID:
            return Status(str(made.status))
        refund = read(lambda: v1.refunds.retrieve(made.refunds[0].refund))
        given_back = refund.payment_intent if isinstance(refund.payment_intent, str) else None
        if _gives_back(intent.request) and given_back not in (None, intent.subject):
            return Status(refund.status, f"Stripe gave back payment {given_back} for it, not {intent.subject}.")
        return status_of(refund)

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        return payment_row(v1, intent.subject) if _gives_back(intent.request) else {}

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        if _gives_back(request):
            return reader.payment(subject).standing
        return reader.invoice(request["invoice"]).standing


def _gives_back(request: Mapping[str, Any]) -> bool:
    return "refund_amount" in request
