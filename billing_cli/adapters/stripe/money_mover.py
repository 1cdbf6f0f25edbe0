"""Moves money: every intent under its own idempotency key, and proof from Stripe's lists."""

import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import billing_error, said
from billing_cli.adapters.stripe.metadata import intent_named_by, metadata_of
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.errors import BillingError, Unavailable
from billing_cli.domain.intent import Intent, IntentKind, MoveOutcome, MoveResult

_TRIES = 5
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
# Stripe looks at such a request again under the same key; all other 4xx are its last word.
_PASSING = (409, 429)


class StripeMoneyMover:
    """One SDK client; its connections are kept per thread."""

    def __init__(self, connection: StripeConnection) -> None:
        self._stripe = connection.client()

    def send(self, intent: Intent) -> MoveResult:
        """Up to five tries under one key. A kept 500 is given back at once: it would only be repeated.

        The key alone should be enough; Stripe's lists are asked as well before money is sent a second time.
        """
        result = self._try(intent, 1)
        for tries in range(2, _TRIES + 1):
            if result.outcome is not MoveOutcome.UNKNOWN or result.stored_failure:
                break
            time.sleep(random.uniform(0.5, 1) * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**tries))  # noqa: S311
            try:
                result = self.find(intent) or self._try(intent, tries)
            except Unavailable:
                break
        return result

    def _try(self, intent: Intent, tries: int) -> MoveResult:
        try:
            made = self._create(intent)
        except stripe.StripeError as error:
            return _failure(error, tries)
        return self._done(intent, made, tries)

    def _create(self, intent: Intent) -> Any:
        v1 = self._stripe.v1
        request: Any = dict(intent.request)
        options: Any = {"idempotency_key": intent.intent_id}
        if intent.kind is IntentKind.MARK_PAID:
            return v1.invoices.pay(request.pop("invoice"), request, options)
        request["metadata"] = metadata_of(intent)
        if intent.kind is IntentKind.REFUND:
            request["expand"] = ["charge"]
            return v1.refunds.create(request, options)
        if intent.kind is IntentKind.CREDIT_NOTE:
            return v1.credit_notes.create(request, options)
        if intent.kind is IntentKind.INVOICE_ITEM:
            return v1.invoice_items.create(request, options)
        return v1.customers.balance_transactions.create(request.pop("customer"), request, options)

    def find(self, intent: Intent) -> MoveResult | None:
        """What carries the intent's name in its metadata; for an invoice to be paid, its status."""
        if intent.kind is IntentKind.MARK_PAID:
            invoice = read(lambda: self._stripe.v1.invoices.retrieve(intent.subject))
            return self._done(intent, invoice) if invoice.status == "paid" else None
        for candidate in read(lambda: list(self._candidates(intent))):
            if intent_named_by(candidate.metadata) == intent.intent_id:
                return self._done(intent, candidate)
        return None

    def _candidates(self, intent: Intent) -> Iterable[Any]:
        v1 = self._stripe.v1
        if intent.kind is IntentKind.REFUND:
            return v1.refunds.list({"payment_intent": intent.subject, "limit": PAGE}).auto_paging_iter()
        if intent.kind is IntentKind.CREDIT_NOTE:
            return v1.credit_notes.list({"invoice": intent.request["invoice"], "limit": PAGE}).auto_paging_iter()
        if intent.kind is IntentKind.INVOICE_ITEM:
            return v1.invoice_items.list({"customer": intent.request["customer"], "limit": PAGE}).auto_paging_iter()
        customer = intent.request["customer"]
        return v1.customers.balance_transactions.list(customer, {"limit": PAGE}).auto_paging_iter()

    def _done(self, intent: Intent, made: Any, tries: int = 1) -> MoveResult:
        response = getattr(made, "last_response", None)
        return MoveResult(
            MoveOutcome.DONE,
            object_id=made.id,
            status=self._status(made),
            request_id=getattr(response, "request_id", None),
            tries=tries,
            here=_quietly(lambda: self._here(intent, made)),
        )

    def _status(self, made: Any) -> str | None:
        """Of a refund, or of the refund that a credit note made: that is what may fail later."""
        if getattr(made, "object", "") == "credit_note" and made.refunds:
            refund_id = made.refunds[0].refund
            found = _quietly(lambda: {"status": read(lambda: self._stripe.v1.refunds.retrieve(refund_id)).status})
            return str(found["status"]) if found else None
        return getattr(made, "status", None)

    def _here(self, intent: Intent, made: Any) -> dict[str, object]:
        """What the deployment's own row of the payment or invoice should say now."""
        if intent.kind is IntentKind.MARK_PAID:
            return {"invoice_id": made.id, "amount_paid_minor": made.total}
        if intent.kind is not IntentKind.REFUND and "refund_amount" not in intent.request:
            return {}
        charge: Any = getattr(made, "charge", None)
        if not isinstance(charge, stripe.Charge):
            expand: Any = {"expand": ["latest_charge"]}
            charge = read(lambda: self._stripe.v1.payment_intents.retrieve(intent.subject, expand)).latest_charge
        return {"payment_intent_id": intent.subject, "refunded_minor": charge.amount_refunded}


def _failure(error: stripe.StripeError, tries: int) -> MoveResult:
    status = error.http_status
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        raise billing_error(error) from error
    if status is not None and 400 <= status < 500 and status not in _PASSING:
        return MoveResult(MoveOutcome.REFUSED, request_id=error.request_id, error=said(error), tries=tries)
    return MoveResult(
        MoveOutcome.UNKNOWN,
        request_id=error.request_id,
        error=billing_error(error).message,
        tries=tries,
        stored_failure=(error.headers or {}).get("Idempotent-Replayed") == "true",
    )


def _quietly(load: Callable[[], dict[str, object]]) -> dict[str, object] | None:
    """The money has moved: that our own row cannot be brought up to date must not hide it."""
    try:
        return load()
    except BillingError:
        return None
