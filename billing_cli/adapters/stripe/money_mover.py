"""Moves money: every intent under its own idempotency key, and proof from Stripe's lists."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import answer_of, billing_error, unproved, words_of
from billing_cli.adapters.stripe.metadata import intent_named_by, metadata_of
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.adapters.stripe.write_client import write_connections
from billing_cli.domain.answer import Answer, Expected, Proof, proof_of
from billing_cli.domain.errors import BillingError, Unavailable
from billing_cli.domain.intent import METADATA_KEY, VOID, Intent, IntentKind, MoveOutcome, MoveResult
from billing_cli.domain.permit import Permit

_TRIES = 5
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
# A 429 is no failure, only a delay; it is waited out for this long.
_PATIENCE_S = 60.0
_TOO_MANY = 429


class StripeMoneyMover:
    """Reads by one SDK client, and writes under the permit of each intent."""

    def __init__(self, connection: StripeConnection) -> None:
        self._connection = connection
        self._connections = write_connections()
        self._stripe = connection.reader()

    def send(self, intent: Intent, permit: Permit, before_another_try: Callable[[], MoveResult | None]) -> MoveResult:
        """Up to five tries under one key. A kept 500 is returned at once: it would only be repeated."""
        give_up_at, tries, failures = time.monotonic() + _PATIENCE_S, 0, 0
        while True:
            tries += 1
            answer, result = self._try(intent, permit, tries)
            failures += answer.status != _TOO_MANY
            over = failures >= _TRIES or time.monotonic() > give_up_at
            if result.outcome is not MoveOutcome.UNKNOWN or result.stored_failure or over:
                return result
            time.sleep(random.uniform(0.5, 1) * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**tries))  # noqa: S311
            try:
                ended = before_another_try()
            except Unavailable:
                return result
            if ended:
                return ended

    def _try(self, intent: Intent, permit: Permit, tries: int) -> tuple[Answer, MoveResult]:
        try:
            made = self._create(intent, permit)
        except stripe.StripeError as error:
            made, answer = None, answer_of(error)
        else:
            answer = _answer(made)
        expected = _expected(intent)
        proof = proof_of(answer, expected)
        if proof is Proof.DONE:
            return answer, self._done(intent, made, tries)
        if proof is Proof.REFUSED:
            return answer, _refused(answer, tries)
        return answer, _unknown(answer, expected, tries)

    def _create(self, intent: Intent, permit: Permit) -> Any:
        v1 = self._connection.writer(self._connections, permit).v1
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
        """The object that carries the intent's name in its metadata; for an invoice to be paid, its status.

        Metadata can be written by anybody: an object that differs otherwise is no proof, and is shown to a person.
        """
        if intent.kind is IntentKind.MARK_PAID:
            invoice = read(lambda: self._stripe.v1.invoices.retrieve(intent.subject))
            return self._done(intent, invoice) if invoice.status == "paid" else None
        candidates = read(lambda: list(self._candidates(intent)))
        named = [made for made in candidates if intent_named_by(made.metadata) == intent.intent_id]
        expected = _expected(intent)
        differences = [expected.difference(Answer(200, made.to_dict())) for made in named]
        for made, difference in zip(named, differences, strict=True):
            if difference is None:
                return self._done(intent, made)
        return _another(named[0].id, differences[0]) if named else None

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
        """Of a refund, or of the refund that a credit note made: that may fail later. A void note stays void."""
        if getattr(made, "object", "") == "credit_note" and made.refunds and made.status != VOID:
            refund_id = made.refunds[0].refund
            found = _quietly(lambda: {"status": read(lambda: self._stripe.v1.refunds.retrieve(refund_id)).status})
            return str(found["status"]) if found else None
        return getattr(made, "status", None)

    def _here(self, intent: Intent, made: Any) -> dict[str, object]:
        """The new values of the deployment's own row of the payment or invoice."""
        if intent.kind is IntentKind.MARK_PAID:
            return {"invoice_id": made.id, "amount_paid_minor": made.total}
        if intent.kind is not IntentKind.REFUND and "refund_amount" not in intent.request:
            return {}
        charge: Any = getattr(made, "charge", None)
        if not isinstance(charge, stripe.Charge):
            expand: Any = {"expand": ["latest_charge"]}
            charge = read(lambda: self._stripe.v1.payment_intents.retrieve(intent.subject, expand)).latest_charge
        return {"payment_intent_id": intent.subject, "refunded_minor": charge.amount_refunded}


def _answer(made: Any) -> Answer:
    response = made.last_response
    return Answer(response.code, response.data, response.request_id)


def _expected(intent: Intent) -> Expected:
    """The object that Stripe makes of an intent: its subject, amount, currency and our name."""
    request = intent.request
    if intent.kind is IntentKind.MARK_PAID:
        return Expected("invoice", {("id",): request["invoice"], ("status",): "paid"})
    common: dict[tuple[str, ...], object] = {
        ("amount",): request["amount"],
        ("currency",): intent.money.currency,
        ("metadata", METADATA_KEY): intent.intent_id,
    }
    if intent.kind is IntentKind.REFUND:
        return Expected("refund", _subject(request, "payment_intent") | common)
    if intent.kind is IntentKind.CREDIT_NOTE:
        return Expected("credit_note", _subject(request, "invoice") | common)
    kind = "invoiceitem" if intent.kind is IntentKind.INVOICE_ITEM else "customer_balance_transaction"
    return Expected(kind, _subject(request, "customer") | common)


def _subject(request: Mapping[str, object], name: str) -> dict[tuple[str, ...], object]:
    return {(name,): request[name]}


def _refused(answer: Answer, tries: int) -> MoveResult:
    """Raises Misconfigured if Stripe refuses the key."""
    if answer.status in (401, 403):
        raise billing_error(answer)
    return MoveResult(MoveOutcome.REFUSED, request_id=answer.request_id, error=words_of(answer), tries=tries)


def _unknown(answer: Answer, expected: Expected, tries: int) -> MoveResult:
    return MoveResult(
        MoveOutcome.UNKNOWN,
        request_id=answer.request_id,
        error=unproved(answer, expected),
        tries=tries,
        stored_failure=answer.replayed and answer.is_stripes_error,
    )


def _another(object_id: str, difference: str | None) -> MoveResult:
    """For an object that carries our name, but differs from the one that the intent makes."""
    found = f"{object_id} in Stripe carries the name of this intent, but {difference}."
    step = f"Nothing is sent while it does: correct {METADATA_KEY} in its metadata."
    return MoveResult(MoveOutcome.UNKNOWN, error=f"{found} {step}")


def _quietly(load: Callable[[], dict[str, object]]) -> dict[str, object] | None:
    """The money has moved: an error in updating our own row must not hide it."""
    try:
        return load()
    except BillingError:
        return None
