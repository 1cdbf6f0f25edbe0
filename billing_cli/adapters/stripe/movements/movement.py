"""What a movement of money is in Stripe: the request, the proof of it, its status, and our own row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import stripe

from billing_cli.adapters.stripe.reading import read
from billing_cli.adapters.stripe.refunds import refund_of
from billing_cli.domain.answer import Expected
from billing_cli.domain.intent import METADATA_KEY, Intent
from billing_cli.domain.standing import Standing

if TYPE_CHECKING:
    from stripe._v1_services import V1Services

    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader


@dataclass(frozen=True)
class Status:
    """The status of a movement at Stripe; `trouble` is why it failed, or what it waits for."""

    name: str | None = None
    trouble: str | None = None


class Movement(Protocol):
    """One kind of movement. `money_mover.py` tries and proves it without knowing which it is.

    `made` is the object that Stripe answered with, or that was found in its lists. Reads through `v1` are repeated by
    the caller where they are made in `find`, and by the room where they are made elsewhere.
    """

    def create(self, v1: "V1Services", intent: Intent, options: Any) -> Any:
        """The one request that carries the intent out. `options` has the idempotency key."""
        ...

    def find(self, v1: "V1Services", intent: Intent) -> Iterable[Any]:
        """The objects of Stripe that carry the intent's name; if there is no place for a name, the one that it changes.

        Only an object that agrees with `expected` is a proof; one with our name that does not agree stops everything.
        """
        ...

    def expected(self, intent: Intent) -> Expected:
        """The object that a success has to be."""
        ...

    def status(self, v1: "V1Services", intent: Intent, made: Any) -> Status:
        """The status that decides whether the movement still has its effect; without a name if it has none."""
        ...

    def here(self, v1: "V1Services", intent: Intent, made: Any) -> Mapping[str, object]:
        """The new values of the deployment's own row, with its id; empty if it has none."""
        ...

    def standing(self, reader: "StripeMoneyReader", subject: str, request: Mapping[str, Any]) -> Standing:
        """How the object that it changes stands now, as the plan saw it."""
        ...


def fields_of(intent: Intent, **subject: object) -> dict[tuple[str, ...], object]:
    """Subject, amount, currency and our name: in these a movement that makes an object of its own has to agree."""
    return {
        **{(name,): value for name, value in subject.items()},
        ("amount",): intent.request["amount"],
        ("currency",): intent.money.currency,
        ("metadata", METADATA_KEY): intent.intent_id,
    }


def payment_row(v1: "V1Services", payment_intent_id: str, charge: Any = None) -> dict[str, object]:
    """The row of a payment, with all that was refunded of it; the charge is read if it did not come along."""
    if not isinstance(charge, stripe.Charge):
        expand: Any = {"expand": ["latest_charge"]}
        charge = read(lambda: v1.payment_intents.retrieve(payment_intent_id, expand)).latest_charge
    return {"payment_intent_id": payment_intent_id, "refunded_minor": charge.amount_refunded}


def status_of(refund: stripe.Refund) -> Status:
    """Of a refund, also of one that a credit note made; it may change for days."""
    return Status(refund.status, refund_of(refund).trouble)
