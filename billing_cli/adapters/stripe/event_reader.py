"""Reads Stripe's list of events: the window in shards, side by side, every page."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reader import read_identity
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.webhook_event import WebhookEvent, read_event

# Cursors are serial, so one window is read as several; eight at 100 ms stay below 25 calls a second on average.
_SHARDS = 8
METER_ERRORS = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


class StripeEventReader:
    """GET requests only. Raw answers, because events are kept as Stripe writes them."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.client()

    def identity(self) -> StripeIdentity:
        return read_identity(self._stripe, self._key)

    def events(
        self, since: datetime, until: datetime, types: Sequence[str] = (), undelivered: bool = False
    ) -> list[WebhookEvent]:
        """See `billing_cli.domain.ports.EventReader.events`."""
        filters: dict[str, Any] = {"limit": PAGE}
        filters |= {"types": list(types)} if types else {}
        filters |= {"delivery_success": False} if undelivered else {}
        with ThreadPoolExecutor(_SHARDS) as pool:
            parts = list(pool.map(lambda bounds: self._shard(bounds, filters), _shards(since, until)))
        found = [event for part in parts for event in part]
        if not undelivered:
            found += self._meter_errors(since, until, types)
        return sorted(found, key=lambda event: event.created_at)  # stable: Stripe's order within a second

    def _shard(self, bounds: tuple[int, int], filters: Mapping[str, Any]) -> list[WebhookEvent]:
        newest_first: list[WebhookEvent] = []
        params = {**filters, "created": {"gte": bounds[0], "lt": bounds[1]}}
        while True:
            page = self._get("/v1/events", params)
            newest_first += [_event(document) for document in page["data"]]
            if not page["has_more"]:
                return newest_first[::-1]
            params["starting_after"] = page["data"][-1]["id"]

    def _meter_errors(self, since: datetime, until: datetime, types: Sequence[str]) -> list[WebhookEvent]:
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


def _shards(since: datetime, until: datetime) -> list[tuple[int, int]]:
    """Half-open ranges of whole seconds that cover the window once."""
    start_s = int(since.astimezone(UTC).timestamp())
    end_s = -int(-until.astimezone(UTC).timestamp() // 1)
    count = max(1, min(_SHARDS, end_s - start_s))
    bounds = [start_s + (end_s - start_s) * number // count for number in range(count + 1)]
    return list(pairwise(bounds))
