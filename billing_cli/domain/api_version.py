"""Stripe API versions: by their dates, since names of releases are in no order."""

import re

from billing_cli.domain.errors import Misconfigured

# Since this one, invoice payments name the payments of an invoice, and credit notes name their refunds and taxes.
# Source: https://docs.stripe.com/changelog/basil
OLDEST_FOR_MONEY = "2025-03-31.basil"
_VERSION = re.compile(r"(\d{4}-\d\d-\d\d)(\.[a-z]+)?")
_STEP = "Unset it for this command; `billing doctor` names the version that was tested."


def is_api_version(text: str) -> bool:
    """Whether it is written as one: `2025-03-31.basil`, or a date alone."""
    return bool(_VERSION.fullmatch(text))


def is_older(version: str, than: str) -> bool:
    return version[:10] < than[:10]


def check_version_for_money(pinned: str | None) -> None:
    """Raises Misconfigured for a pinned version whose answers lack what refunds, adjustments and invoices need."""
    if pinned is None:
        return
    if not is_api_version(pinned):
        raise Misconfigured(f"STRIPE_API_VERSION is no API version: {pinned!r}.", _STEP)
    if is_older(pinned, OLDEST_FOR_MONEY):
        raise Misconfigured(
            f"STRIPE_API_VERSION pins {pinned}: refunds, adjustments and invoices need {OLDEST_FOR_MONEY} or newer.",
            _STEP,
        )
