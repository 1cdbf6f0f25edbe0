"""Reads what reconciliation and journals are made of, as rows for the engine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reader import read_identity
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.adapters.stripe.sharded import read_sharded
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.balance_transaction import PAYMENTS_BALANCE
from billing_cli.domain.errors import BadInput
from billing_cli.domain.ports import RowSink
from billing_cli.domain.reconciliation import SummariesWanted

_WORKERS = 8


class StripeLedgerReader:
    """GET requests only, no faster than Stripe lets one endpoint be read."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.reader()

    def identity(self) -> StripeIdentity:
        return read_identity(self._stripe, self._key)

    def transactions(self, since: datetime, until: datetime, sink: RowSink) -> None:
        """Rows of the engine's table `transactions`, with what each one is about."""
        expand = {"expand": ["data.source"]}

        def page(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            return self._get("/v1/balance_transactions", {**parameters, **expand})

        read_sharded(page, since, until, lambda found: sink(map(transaction_row, found)))

    def invoices(self, since: datetime, until: datetime, sink: RowSink) -> None:
        """Rows of the engine's table `stripe_invoices`."""
        read_sharded(
            lambda parameters: self._get("/v1/invoices", parameters),
            since,
            until,
            lambda found: sink(map(_invoice_row, found)),
        )

    def payouts(self, since: datetime, until: datetime, sink: RowSink, transactions: RowSink) -> None:
        """Rows of the engine's `payouts`, and of `transactions` what each automatic one is made of."""
        found: list[Mapping[str, Any]] = []
        read_sharded(lambda parameters: self._get("/v1/payouts", parameters), since, until, found.extend)
        sink([_payout_row(document) for document in found])

        def load(payout_id: str) -> None:
            parameters = {"payout": payout_id, "limit": PAGE, "expand": ["data.source"]}
            for page in self._pages("/v1/balance_transactions", parameters):
                transactions([{**transaction_row(document), "payout_id": payout_id} for document in page])

        with ThreadPoolExecutor(_WORKERS) as pool:
            for _ in pool.map(load, [payout["id"] for payout in found if payout["automatic"]]):
                pass

    def summaries(self, wanted: Sequence[SummariesWanted], sink: RowSink) -> list[SummariesWanted]:
        """Rows of the engine's table `summaries`; see `billing_cli.domain.ports.LedgerReader.summaries`."""
        meters = self._meters

        def load(each: SummariesWanted) -> bool:
            namesakes = [meter for meter in meters if meter["event_name"] == each.event_name]
            if not namesakes:
                return False
            parameters = {
                "customer": each.customer_id,
                "start_time": each.start_s,
                "end_time": each.end_s,
                "value_grouping_window": each.grouping,
                "limit": PAGE,
            }
            try:
                for page in self._pages(f"/v1/billing/meters/{namesakes[-1]['id']}/event_summaries", parameters):
                    sink([_summary_row(each, document) for document in page])
            except BadInput as error:
                if _is_missing(error):
                    return False
                raise
            # Events come after the time they are for, so a meter that was archived before the span has none of it.
            return all(meter["updated"] < each.start_s for meter in namesakes[:-1])

        with ThreadPoolExecutor(_WORKERS) as pool:
            answered = list(pool.map(load, wanted))
        return [each for each, was in zip(wanted, answered, strict=True) if not was]

    @cached_property
    def _meters(self) -> list[Mapping[str, Any]]:
        """Archived ones first."""
        found = [document for page in self._pages("/v1/billing/meters", {"limit": PAGE}) for document in page]
        return sorted(found, key=lambda meter: meter["status"] == "active")

    def _pages(self, url: str, parameters: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
        after: dict[str, str] = {}
        while True:
            page = self._get(url, {**parameters, **after})
            yield page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def _get(self, url: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = read(lambda: self._stripe.raw_request("get", url, **params))
        # Quantities keep the digits that Stripe wrote.
        document: dict[str, Any] = json.loads(answer.body, parse_float=str)
        return document


def transaction_row(document: Mapping[str, Any]) -> dict[str, object]:
    """A balance transaction with its source expanded; the source may be gone, or of a kind that is no payment's."""
    found = document["source"]
    source: Mapping[str, Any] = found if isinstance(found, dict) else {}
    charge = source if source.get("object") == "charge" else {}
    amount = _shown(document, source)
    return {
        "transaction_id": document["id"],
        "category": document["reporting_category"],
        "amount_minor": document["amount"],
        "fee_minor": document["fee"],
        "net_minor": document["net"],
        "currency": document["currency"],
        "created_s": document["created"],
        "available_s": document["available_on"],
        "source_id": source.get("id", found if isinstance(found, str) else None),
        "payment_id": source.get("payment_intent") or source.get("charge") or charge.get("id"),
        "customer_id": source.get("customer"),
        "shown_minor": amount,
        "shown_currency": source.get("currency") if amount is not None else None,
        "exchange_rate": None if document["exchange_rate"] is None else str(document["exchange_rate"]),
        "authorized_minor": charge.get("amount"),
        "refunded_minor": charge.get("amount_refunded"),
        "fee_tax_minor": sum(part["amount"] for part in document["fee_details"] if part["type"] == "tax"),
        "description": document["description"],
        "captured_minor": charge.get("amount_captured"),
        "balance_type": document.get("balance_type", PAYMENTS_BALANCE),
    }


def _shown(document: Mapping[str, Any], source: Mapping[str, Any]) -> int | None:
    """What the customer saw, with the sign of the transaction. A charge may be captured in several parts.

    Of a converted charge all that was captured stands with the charge, so its reversal of what was not is nothing.
    """
    if source.get("currency") is None:
        return None
    if source["currency"] == document["currency"]:
        return int(document["amount"])
    if document["reporting_category"] == "partial_capture_reversal":
        return 0
    whole = source.get("amount_captured", source.get("amount"))
    if whole is None:
        return None
    return int(whole) if document["amount"] > 0 else -int(whole)


def _invoice_row(document: Mapping[str, Any]) -> dict[str, object]:
    return {
        "invoice_id": document["id"],
        "number": document["number"],
        "customer_id": document["customer"],
        "total_minor": document["total"],
        "paid_minor": document["amount_paid"],
        "currency": document["currency"],
        "status": document["status"],
        "created_s": document["created"],
    }


def _payout_row(document: Mapping[str, Any]) -> dict[str, object]:
    return {
        "payout_id": document["id"],
        "amount_minor": document["amount"],
        "currency": document["currency"],
        "status": document["status"],
        "came_back": document.get("failure_balance_transaction") is not None,
        "automatic": document["automatic"],
        "reconciliation_status": document["reconciliation_status"],
        "created_s": document["created"],
        "arrival_s": document["arrival_date"],
    }


def _is_missing(error: BadInput) -> bool:
    cause = error.__cause__
    return isinstance(cause, stripe.InvalidRequestError) and cause.code == "resource_missing"


def _summary_row(wanted: SummariesWanted, document: Mapping[str, Any]) -> dict[str, object]:
    return {
        "customer_id": wanted.customer_id,
        "event_name": wanted.event_name,
        "bucket_s": document["start_time"],
        "quantity": str(document["aggregated_value"]),
    }
