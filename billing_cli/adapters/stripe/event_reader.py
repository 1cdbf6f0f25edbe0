"""Reads Stripe's list of events: the window in shards, side by side, every page."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reader import read_identity
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.adapters.stripe.sharded import read_sharded
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.webhook_event import METER_ERRORS, WebhookEvent, read_event


class StripeEventReader:
    """GET requests only. Raw answers, because events are kept as Stripe writes them."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.reader()

    def identity(self) -> StripeIdentity:
        return read_identity(self._stripe, self._key)

    def events(
        self, since: datetime, until: datetime, types: Sequence[str] = (), undelivered: bool = False
    ) -> list[WebhookEvent]:
        """See `billing_cli.domain.ports.EventReader.events`."""
        filters: dict[str, Any] = {"types": list(types)} if types else {}
        filters |= {"delivery_success": False} if undelivered else {}
        documents: list[dict[str, Any]] = []
        read_sharded(lambda page: self._get("/v1/events", {**filters, **page}), since, until, documents.extend)
        # Newest first within a second, as they came; so backwards is Stripe's order.
        found = [_event(document) for document in reversed(documents)]
        if not undelivered:
            found += self.meter_errors(since, until, types)
        return sorted(found, key=lambda event: event.created_at)

    def meter_errors(self, since: datetime, until: datetime, types: Sequence[str] = ()) -> list[WebhookEvent]:
        """See `billing_cli.domain.ports.EventReader.meter_errors`."""
        wanted = [kind for kind in METER_ERRORS if not types or kind in types]
        found: list[WebhookEvent] = []
        url: str | None = "/v2/core/events" if wanted else None
        created = {"gte": since.isoformat(), "lt": until.isoformat()}
        params: dict[str, Any] = {"types": wanted, "limit": PAGE, "created": created}
        while url:
            page = self._get(url, params)
            found += [_event(document) for document in page["data"]]
            url, params = page.get("next_page_url"), {}  # the link carries its parameters
        # Asked for by time as well as sifted here: the filter is newer than the list.
        return [event for event in found if since <= event.created_at < until and event.event_type in wanted][::-1]

    def _get(self, url: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = read(lambda: self._stripe.raw_request("get", url, **params))
        document: dict[str, Any] = json.loads(answer.body)
        return document


def _event(document: Mapping[str, Any]) -> WebhookEvent:
    return read_event(json.dumps(document, indent=2))
