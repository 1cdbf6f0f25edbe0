"""Credit for metered prices: Stripe's billing credit grants."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from billing_cli.adapters.stripe.metadata import metadata_of, named_by
from billing_cli.adapters.stripe.movements.movement import Status
from billing_cli.adapters.stripe.reading import PAGE
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import METADATA_KEY, Intent
from billing_cli.domain.movement import VOID
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


class CreditGrantMovement:
    """It may be expired or renamed by hand before it is found: neither makes it another grant."""

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        request: Any = {**intent.request, "metadata": metadata_of(intent)}
        return v1.billing.credit_grants.create(request, options)

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        filters: Any = {"customer": intent.request["customer"], "limit": PAGE}
        return named_by(intent, v1.billing.credit_grants.list(filters).auto_paging_iter())

    def expected(self, intent: Intent) -> Expected:
        return Expected(
            "billing.credit_grant",
            {
                ("customer",): intent.request["customer"],
                ("amount", "monetary", "value"): intent.money.amount_minor,
                ("amount", "monetary", "currency"): intent.money.currency,
                ("category",): intent.request["category"],
                ("metadata", METADATA_KEY): intent.intent_id,
            },
        )

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        """Stripe has no word for it, only the moment at which it was voided."""
        return Status(VOID if made.voided_at else None)

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        return {}

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        return {"newest credit grant": reader.newest_grant(request["customer"])}
