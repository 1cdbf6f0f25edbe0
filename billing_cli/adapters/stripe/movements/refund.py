"""A refund of a payment."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.metadata import metadata_of, named_by
from billing_cli.adapters.stripe.movements.movement import Status, fields_of, payment_row, status_of
from billing_cli.adapters.stripe.reading import PAGE
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import Intent
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


class RefundMovement:
    """Its status may change for days; `refund --status` follows it."""

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        request: Any = {**intent.request, "metadata": metadata_of(intent), "expand": ["charge"]}
        return v1.refunds.create(request, options)

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        found = v1.refunds.list({"payment_intent": intent.subject, "limit": PAGE}).auto_paging_iter()
        return named_by(intent, found)

    def expected(self, intent: Intent) -> Expected:
        return Expected("refund", fields_of(intent, payment_intent=intent.request["payment_intent"]))

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        return status_of(made)

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        return payment_row(v1, intent.subject, getattr(made, "charge", None))

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        return reader.payment(subject).standing
