"""Webhooks: Stripe delivers somewhere what billing has to know, in a form it was tested with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from billing_cli.domain.doctor import Check, Destinations, Subject, WebhookTarget
from billing_cli.domain.errors import BillingError
from billing_cli.domain.verdict import Verdict, failed, passed, warned
from billing_cli.domain.webhook_event import METER_ERRORS
from billing_cli.usecases.doctor.facts import Fact

# Without these a refund that fails days later is not noticed.
REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed")
_FETCH = "LIVE=true billing webhooks fetch --since 2d --confirm"
_LOOPBACK = ("http://127.0.0.1", "http://localhost")


def webhook_checks(
    endpoints: Fact[Sequence[WebhookTarget]],
    destinations: Fact[Destinations],
    secrets: Callable[[], Sequence[str]],
    api_version: str,
) -> list[Check]:
    looks = {
        "webhook-endpoints": lambda: delivered_to(endpoints(), secrets()),
        "webhook-refunds": lambda: refunds_told(endpoints(), destinations),
        "webhook-meter-errors": lambda: meter_errors_told(destinations()),
        "webhook-version": lambda: in_version(endpoints(), api_version),
    }
    return [Check(name, Subject.WEBHOOKS, look) for name, look in looks.items()]


def delivered_to(endpoints: Sequence[WebhookTarget], secrets: Sequence[str]) -> Iterator[Verdict]:
    if not endpoints:
        yield warned("Stripe has no webhook endpoint.", f"Create one in Stripe, or run by cron:\n{_FETCH}")
    for endpoint in endpoints:
        url = _shown(endpoint.url)
        if not endpoint.enabled:
            yield failed(f"{url} is disabled: Stripe delivers nothing there.", "Enable or delete it in Stripe.")
        elif url.startswith("http:") and not url.startswith(_LOOPBACK):
            yield warned(f"{url} is not https: anybody on the way reads along.", "Give it an https address.")
        else:
            yield passed(f"{url} is enabled.")
    enabled = sum(endpoint.enabled for endpoint in endpoints)
    if enabled > len(secrets):
        yield warned(
            f"{enabled} endpoints, and {len(secrets)} in STRIPE_WEBHOOK_SECRET: not all deliveries can be verified.",
            "Add the secrets of those that are yours, separated by commas.",
        )


def refunds_told(endpoints: Sequence[WebhookTarget], destinations: Fact[Destinations]) -> Iterator[Verdict]:
    missing = _untold(REFUND_EVENTS, endpoints)
    if missing:
        with suppress(BillingError):  # webhook-meter-errors tells of it
            missing = _untold(missing, destinations().snapshot)
    if missing:
        yield warned(
            f"No endpoint gets {', '.join(missing)}: a refund that fails later is not noticed.",
            f"Add them to an endpoint in Stripe, or run by cron:\n{_FETCH}",
        )
    else:
        yield passed(f"{', '.join(REFUND_EVENTS)} are delivered.")


def meter_errors_told(destinations: Destinations) -> Iterator[Verdict]:
    missing = _untold(METER_ERRORS, destinations.thin)
    if missing:
        yield warned(
            f"No event destination gets {', '.join(missing)}: usage that Stripe did not count is not noticed.",
            f"Create an event destination for thin events in Stripe, or run by cron:\n{_FETCH}",
        )
    else:
        yield passed(f"{', '.join(METER_ERRORS)} are delivered.")


def in_version(endpoints: Sequence[WebhookTarget], api_version: str) -> Iterator[Verdict]:
    if not endpoints:
        yield passed("There is no endpoint that could get another version.")
        return
    others = [e for e in endpoints if e.enabled and e.api_version not in (None, api_version)]
    for endpoint in others:
        yield warned(
            f"{_shown(endpoint.url)} gets events of API version {endpoint.api_version}; {api_version} was tested.",
            f"In Stripe, create the endpoint anew with API version {api_version}.",
        )
    if not others:
        yield passed(f"{api_version}, or the account's default version.")


def _shown(url: str | None) -> str:
    """Without name, password and query, which may be secrets."""
    parts = urlsplit(url or "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _untold(events: Sequence[str], targets: Sequence[WebhookTarget]) -> list[str]:
    return [event for event in events if not any(target.takes(event) for target in targets)]
