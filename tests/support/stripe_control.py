"""The Stripe simulator as tests see it: arrange, break, and look inside."""

from typing import Any

import stripe as sdk

from billing_cli.sandbox.stripe_control import ask


class StripeDouble:
    """A running simulator at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self) -> None:
        ask(self.url, "POST", "reset", {})

    def bulk(self, customers: list[dict[str, str]], meters: list[dict[str, Any]]) -> None:
        ask(self.url, "POST", "bulk", {"customers": customers, "meters": meters})

    def payments(self, payments: list[dict[str, Any]]) -> None:
        ask(self.url, "POST", "payments", {"payments": payments})

    def invoices(self, invoices: list[dict[str, Any]]) -> None:
        ask(self.url, "POST", "invoices", {"invoices": invoices})

    def refund_status(self, refund_id: str, status: str, why: str | None = None) -> None:
        ask(self.url, "POST", "refund_status", {"id": refund_id, "status": status, "reason": why})

    def dispute(
        self, payment_intent: str, status: str, amount: int | None = None, refundable: bool | None = None
    ) -> None:
        wish = {"payment_intent": payment_intent, "status": status, "amount": amount, "refundable": refundable}
        ask(self.url, "POST", "disputes", wish)

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund that was made."""
        refunds: list[dict[str, Any]] = ask(self.url, "GET", "refunds")["refunds"]
        return refunds

    def objects(self, noun: str) -> list[dict[str, Any]]:
        """Every object of a kind, oldest first."""
        objects: list[dict[str, Any]] = ask(self.url, "GET", f"objects?noun={noun}")["objects"]
        return objects

    def stripe_events(self, events: list[dict[str, Any]]) -> None:
        """Events of the past: {type, created, object} and an id where it matters."""
        ask(self.url, "POST", "stripe_events", {"events": events})

    def fault(self, **settings: object) -> None:
        ask(self.url, "POST", "faults", settings)

    def hits(self) -> int:
        """How often the faults that are switched on struck."""
        return sum(fault["hits"] for fault in ask(self.url, "GET", "faults")["faults"])

    def heal(self) -> None:
        ask(self.url, "DELETE", "faults")

    def settings(self, **settings: object) -> None:
        ask(self.url, "POST", "settings", settings)

    def permissions_asked(self) -> set[str]:
        """What calls with restricted keys needed, while `restricted_to` was set."""
        return set(ask(self.url, "GET", "status")["permissions_asked"])

    def clock(self, offset_s: int) -> None:
        ask(self.url, "POST", "clock", {"offset_s": offset_s})

    def events(self) -> list[dict[str, str]]:
        """The meter events that count."""
        events: list[dict[str, str]] = ask(self.url, "GET", "events")["events"]
        return events

    def forget(self, value: str) -> None:
        """Drops the meter event with this value: as if it had been taken, and never counted."""
        (event,) = [event for event in self.events() if event["value"] == value]
        self.forget_identifier(event["identifier"], event["event_name"])

    def forget_identifier(self, identifier: str, event_name: str) -> None:
        self.client().v1.billing.meter_event_adjustments.create(
            {"type": "cancel", "event_name": event_name, "cancel": {"identifier": identifier}}
        )

    def send_as_another(self, customer: str, value: str, timestamp: int, event_name: str = "api_calls") -> None:
        """A meter event of another program."""
        payload = {"stripe_customer_id": customer, "value": value}
        self.client().v1.billing.meter_events.create(
            {"event_name": event_name, "payload": payload, "timestamp": timestamp}
        )

    def set_lag(self, lag_s: float) -> None:
        """Of summaries and error reports; `reset` takes it back."""
        ask(self.url, "POST", "settings", {"lag_s": lag_s})

    def client(self) -> sdk.StripeClient:
        return sdk.StripeClient("sk_test_other", base_addresses={"api": self.url})

    def log(self) -> list[dict[str, Any]]:
        """Every request that reached Stripe."""
        log: list[dict[str, Any]] = ask(self.url, "GET", "log")["log"]
        return log

    def totals(self) -> list[tuple[str, str, str]]:
        """Meter, customer and exact total."""
        totals = ask(self.url, "GET", "totals?by=customer")["totals"]
        return [(total["event_name"], total["customer"], total["value"]) for total in totals]

    def prices(self, prices: list[dict[str, Any]]) -> None:
        ask(self.url, "POST", "prices", {"prices": prices})

    def subscriptions(self, subscriptions: list[dict[str, Any]]) -> None:
        ask(self.url, "POST", "subscriptions", {"subscriptions": subscriptions})

    def advance(self, subscription: str, period_end: int | None = None) -> str:
        """Into its next period; returns the id of the draft for the one that ended."""
        wish = {"subscription": subscription} | ({} if period_end is None else {"period_end": period_end})
        return str(ask(self.url, "POST", "subscriptions/advance", wish)["id"])

    def finalize(self, invoice: str) -> None:
        ask(self.url, "POST", "invoices/finalize", {"invoice": invoice})

    def billed(self) -> list[dict[str, Any]]:
        """Exact quantities, one for each final invoice and subscription item."""
        billed: list[dict[str, Any]] = ask(self.url, "GET", "billed")["billed"]
        return billed

    def usage_records(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = ask(self.url, "GET", "usage_records")["usage_records"]
        return records
