"""Subscriptions to rehearse on: every customer to every meter, in a period that has all days of the seed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from billing_cli.sandbox.stripe_control import ask

_DAYS_BEFORE, _DAYS_AFTER = 36, 54


def with_id(meter: dict[str, Any]) -> dict[str, Any]:
    """A meter that prices can name."""
    return {"id": f"mtr_seed_{meter['event_name']}", **meter}


def subscribe(stripe_url: str, customers: Sequence[dict[str, Any]], meters: Iterable[dict[str, Any]]) -> None:
    """What Stripe has already stays as it is: it may be in a later period since."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    items = [{"price": f"price_seed_{meter['event_name']}", "meter": meter["id"]} for meter in meters]
    period = {
        "period_start": int((today - timedelta(days=_DAYS_BEFORE)).timestamp()),
        "period_end": int((today + timedelta(days=_DAYS_AFTER)).timestamp()),
    }
    subscriptions = [
        {"id": f"sub_{customer['id'].removeprefix('cus_')}", "customer": customer["id"], "items": items, **period}
        for customer in customers
    ]
    ask(stripe_url, "POST", "subscriptions", {"subscriptions": subscriptions, "keep": True})
