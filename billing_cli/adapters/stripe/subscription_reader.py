"""Reads which subscription items bill a meter, and which of their invoices are not final."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.adapters.stripe.sharded import read_sharded
from billing_cli.domain.billing_period import SubscribedItem
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.meter import Backend, MeterRoute

_WORKERS = 8
_FIRST_EVER = datetime(2010, 1, 1, tzinfo=UTC)
_ALL = {"status": "all"}
_DRAFTS = {"status": "draft"}

Document = Mapping[str, Any]
Drafts = Mapping[str, list[tuple[datetime, datetime]]]


class StripeSubscriptionReader:
    """GET requests only: customer by customer where they are named, else whole lists, at the pace of `lists`."""

    def __init__(self, connection: StripeConnection, lists: StripeConnection) -> None:
        self._stripe = connection.reader()
        self._lists = lists.reader()

    def items(
        self, routes: Sequence[MeterRoute], customer_ids: Sequence[str] | None, since: datetime
    ) -> list[SubscribedItem]:
        """See `billing_cli.domain.ports.SubscriptionReader.items`."""
        meters = _meters_by_price(routes)
        if customer_ids is None:
            return self._all_items(meters, since)
        with ThreadPoolExecutor(_WORKERS) as pool:
            found = pool.map(lambda customer: self._items_of(customer, meters, since), customer_ids)
            return [item for items in found for item in items]

    def _items_of(self, customer_id: str, meters: "_Meters", since: datetime) -> list[SubscribedItem]:
        mine = {"customer": customer_id, "limit": PAGE}
        found = [
            one for page in self._pages("/v1/subscriptions", {**mine, **_ALL}) for one in self._billing(page, meters)
        ]
        drafts: list[Document] = []
        if _may_have_drafts(found, since):
            drafts = [invoice for page in self._pages("/v1/invoices", {**mine, **_DRAFTS}) for invoice in page]
        return _subscribed(found, _periods_by_subscription(drafts))

    def _all_items(self, meters: "_Meters", since: datetime) -> list[SubscribedItem]:
        found: list[_Found] = []
        drafts: list[Document] = []
        now = datetime.now(UTC)

        def page_of(url: str, filters: Mapping[str, str]) -> Callable[[Document], Document]:
            return lambda parameters: self._get(self._lists, url, {**parameters, **filters})

        read_sharded(
            page_of("/v1/subscriptions", _ALL), _FIRST_EVER, now, lambda page: found.extend(self._billing(page, meters))
        )
        if _may_have_drafts(found, since):
            # An invoice is made when its period ends.
            read_sharded(page_of("/v1/invoices", _DRAFTS), since, now, drafts.extend)
        return _subscribed(found, _periods_by_subscription(drafts))

    def _billing(self, subscriptions: Sequence[Document], meters: "_Meters") -> Iterator["_Found"]:
        for subscription in subscriptions:
            # It was never paid for and never began.
            if subscription["status"] == "incomplete_expired":
                continue
            for item in self._whole(subscription):
                for meter in meters(item["price"]):
                    yield meter, subscription, item

    def _whole(self, subscription: Document) -> Iterator[Document]:
        """Its items; a subscription carries the first few, the rest are a list of their own."""
        items = subscription["items"]
        yield from items["data"]
        if items["has_more"]:
            after = {"subscription": subscription["id"], "starting_after": items["data"][-1]["id"], "limit": PAGE}
            for page in self._pages("/v1/subscription_items", after):
                yield from page

    def _pages(self, url: str, parameters: Mapping[str, Any]) -> Iterator[list[Document]]:
        after: dict[str, str] = {}
        while True:
            page = self._get(self._stripe, url, {**parameters, **after})
            yield page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def _get(self, client: stripe.StripeClient, url: str, parameters: Mapping[str, Any]) -> Document:
        try:
            answer = read(lambda: client.raw_request("get", url, **parameters))
        except Misconfigured as error:
            if not isinstance(error.__cause__, stripe.PermissionError):
                raise
            raise Misconfigured(
                f"{error.message} An export reads which billing periods are still open.",
                "Give the restricted key read access to Subscriptions and Invoices (docs/operating/stripe-keys.md), "
                'or, to send late usage as it is and unseen, set late_usage = "send" under [export] in billing.toml.',
            ) from error
        document: dict[str, Any] = json.loads(answer.body)
        return document


_Found = tuple[str, Document, Document]
_Meters = Callable[[Document], Sequence[str]]


def _meters_by_price(routes: Sequence[MeterRoute]) -> _Meters:
    """Which event names a price bills: that of the Stripe meter it names, or its own id for usage records."""
    by_id = {
        route.event_name if route.backend is Backend.USAGE_RECORDS else route.meter_id: route.event_name
        for route in routes
    }

    def meters(price: Document) -> list[str]:
        named = (price.get("recurring") or {}).get("meter")
        return [by_id[found] for found in (price["id"], named) if found in by_id]

    return meters


def _may_have_drafts(found: Sequence["_Found"], since: datetime) -> bool:
    return any(
        _period_start(subscription, item) > since or _ended(subscription) is not None for _, subscription, item in found
    )


def _periods_by_subscription(drafts: Sequence[Document]) -> Drafts:
    periods: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for invoice in drafts:
        details = (invoice.get("parent") or {}).get("subscription_details") or {}
        # Before API version 2025-03-31 the invoice itself had it.
        if subscription := details.get("subscription") or invoice.get("subscription"):
            periods[subscription].append((_instant(invoice["period_start"]), _instant(invoice["period_end"])))
    return periods


def _subscribed(found: Sequence["_Found"], drafts: Drafts) -> list[SubscribedItem]:
    return [
        SubscribedItem(
            stripe_customer_id=subscription["customer"],
            event_name=event_name,
            subscription_item=item["id"],
            began=_instant(subscription["start_date"]),
            period_start=_period_start(subscription, item),
            ended=_ended(subscription),
            drafts=tuple(drafts.get(subscription["id"], ())),
        )
        for event_name, subscription, item in found
    ]


def _period_start(subscription: Document, item: Document) -> datetime:
    # Before API version 2025-03-31 all items had the subscription's period.
    return _instant(item.get("current_period_start") or subscription["current_period_start"])


def _ended(subscription: Document) -> datetime | None:
    return None if subscription["ended_at"] is None else _instant(subscription["ended_at"])


def _instant(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
