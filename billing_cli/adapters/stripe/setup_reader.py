"""Reads how the Stripe account is set up: its clock, and where its events go."""

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from billing_cli.adapters.stripe.errors import answer_of, billing_error
from billing_cli.adapters.stripe.price_reader import StripePriceReader
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.doctor import Destinations, SdkVersions, WebhookTarget
from billing_cli.domain.errors import Unavailable


def sdk_versions() -> SdkVersions:
    return SdkVersions(stripe.VERSION, stripe.api_version)


class StripeSetupReader(StripePriceReader):
    """GET requests only."""

    def reach(self) -> datetime:
        """See `billing_cli.domain.ports.SetupReader.reach`."""
        try:
            headers = self._stripe.raw_request("get", "/v1/balance").headers
        except stripe.PermissionError as error:
            headers = error.headers or {}  # a restricted key was recognized all the same
        except stripe.StripeError as error:
            raise billing_error(answer_of(error)) from error
        try:
            return parsedate_to_datetime({name.lower(): value for name, value in headers.items()}["date"])
        except (KeyError, ValueError):
            raise Unavailable("What answers for Stripe does not say the time.", "Check STRIPE_API_BASE.") from None

    def endpoints(self) -> list[WebhookTarget]:
        """Webhook endpoints of the account itself, not of connected ones."""
        return read(
            lambda: [_endpoint(e) for e in self._stripe.v1.webhook_endpoints.list({"limit": PAGE}).auto_paging_iter()]
        )

    def destinations(self) -> Destinations:
        """Event destinations; thin events have no other."""
        found: list[Mapping[str, Any]] = []
        url: str | None = "/v2/core/event_destinations"
        params: dict[str, Any] = {"limit": PAGE, "include": ["webhook_endpoint.url"]}
        while url:
            page = self._page(url, params)
            found += page["data"]
            url, params = page.get("next_page_url"), {}  # the link carries its parameters

        def those(kind: str) -> tuple[WebhookTarget, ...]:
            return tuple(_destination(one) for one in found if one["event_payload"] == kind)

        return Destinations(those("snapshot"), those("thin"))

    def _page(self, url: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(read(lambda: self._stripe.raw_request("get", url, **params)).body)
        return document


def _endpoint(endpoint: stripe.WebhookEndpoint) -> WebhookTarget:
    events = frozenset(endpoint.enabled_events)
    return WebhookTarget(endpoint.id, endpoint.url, endpoint.status == "enabled", events, endpoint.api_version)


def _destination(document: Mapping[str, Any]) -> WebhookTarget:
    return WebhookTarget(
        document["id"],
        (document.get("webhook_endpoint") or {}).get("url"),
        document["status"] == "enabled",
        frozenset(document["enabled_events"]),
        document.get("snapshot_api_version"),
    )
