"""Reads what reconciliation and journals are made of: balance transactions and invoices, as rows for the engine."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reader import read_identity
from billing_cli.adapters.stripe.reading import read
from billing_cli.adapters.stripe.sharded import read_sharded
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.ports import RowSink


class StripeLedgerReader:
    """GET requests only, no faster than Stripe lets one endpoint be read."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.client()

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

    def _get(self, url: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = read(lambda: self._stripe.raw_request("get", url, **params))
        document: dict[str, Any] = json.loads(answer.body)
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
    }


def _shown(document: Mapping[str, Any], source: Mapping[str, Any]) -> int | None:
    """What the customer saw, with the sign of the transaction. A charge may be captured in several parts."""
    if source.get("currency") is None:
        return None
    if source["currency"] == document["currency"]:
        return int(document["amount"])
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
