"""A Stripe event as a webhook carries it: a snapshot (`event`) or a thin one (`v2.core.event`)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing_cli.domain.errors import BadInput

SNAPSHOT, THIN = "event", "v2.core.event"
# Thin ones that tell of usage which Stripe took and then could not count.
METER_ERRORS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


@dataclass(frozen=True)
class WebhookEvent:
    """`payload` is the body as it was signed; `object_id` what the event is about, `customer_id` whose it is."""

    event_id: str
    event_type: str
    thin: bool
    livemode: bool
    created_at: datetime
    account_id: str | None
    api_version: str | None
    object_id: str | None
    customer_id: str | None
    payload: str

    def document(self) -> dict[str, object]:
        """As the database takes it."""
        return {**vars(self), "created_at": self.created_at.isoformat()}


def read_event(payload: bytes | str) -> WebhookEvent:
    """Raises BadInput for a body that is no event of Stripe's."""
    try:
        text = payload if isinstance(payload, str) else payload.decode("utf-8")
        document = json.loads(text)
        return _event(document, text)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
        why = "its bytes are not UTF-8" if isinstance(error, UnicodeDecodeError) else "it is no Stripe event in JSON"
        raise BadInput(f"The body cannot be read: {why}.") from None


def _event(document: dict[str, Any], text: str) -> WebhookEvent:
    kind = document["object"]
    if kind not in (SNAPSHOT, THIN) or "\x00" in text:
        raise ValueError(kind)
    subject = (document.get("related_object") if kind == THIN else document["data"]["object"]) or {}
    return WebhookEvent(
        event_id=_text(document["id"]),
        event_type=_text(document["type"]),
        thin=kind == THIN,
        livemode=document["livemode"] is True,
        created_at=_instant(document["created"]),
        account_id=_optional(document.get("account") or document.get("context")),
        api_version=_optional(document.get("api_version")),
        object_id=_optional(subject.get("id")),
        customer_id=_customer(subject),
        payload=text,
    )


def _customer(subject: dict[str, Any]) -> str | None:
    if subject.get("object") == "customer":
        return _optional(subject.get("id"))
    customer = subject.get("customer")
    return _optional(customer.get("id") if isinstance(customer, dict) else customer)


def _instant(value: object) -> datetime:
    """Epoch seconds in snapshots, ISO 8601 in thin events."""
    if isinstance(value, str):
        instant = datetime.fromisoformat(value)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(value)
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(value)
    return value


def _optional(value: object) -> str | None:
    """Text that Postgres can hold."""
    return value if isinstance(value, str) and value.isprintable() else None
