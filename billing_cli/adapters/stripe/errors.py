"""Stripe's errors as our sentences; none repeats a key."""

import re

import stripe

from billing_cli.domain.errors import BadInput, BillingError, Fault, Misconfigured, Unavailable
from billing_cli.domain.masking import without_secrets
from billing_cli.domain.reach import not_reached

# What requests says of an address; names and passwords are no part of it.
_PLACE = re.compile(r"host='([\w.:-]+)', port=(\d+)")
_KEY = re.compile(r"'?\b[rs]k_(?:test|live)_[\w*]+'?")
_CHECK_THE_ID = (
    "Check the id: billing timeline COMPANY, or the Dashboard. A key of the other mode or of another account does not "
    "see it."
)


def billing_error(error: stripe.StripeError) -> BillingError:
    """The error an operator should read for one from the Stripe SDK."""
    request = f" (request {error.request_id})" if error.request_id else ""
    if isinstance(error, stripe.AuthenticationError):
        return Misconfigured(f"Stripe does not accept the key{request}.", "Check STRIPE_SECRET_KEY.")
    if isinstance(error, stripe.PermissionError):
        return _lacking(said(error), request)
    if isinstance(error, stripe.APIConnectionError):
        found = _PLACE.search(str(error))
        return Unavailable(
            not_reached("Stripe", ":".join(found.groups()) if found else "", str(error)),
            "Check the network and STRIPE_API_BASE, then run this again.",
        )
    if isinstance(error, stripe.RateLimitError):
        return Unavailable(f"Stripe asks to slow down{request}.", "Run this again in a minute.")
    if isinstance(error, stripe.InvalidRequestError):
        missing = error.code == "resource_missing"
        return BadInput(f"Stripe refused the request{request}: {said(error)}", _CHECK_THE_ID if missing else "")
    if error.http_status is not None and error.http_status < 500 and error.http_status != 409:
        return Fault(f"Stripe answered {error.http_status}{request}: {said(error)}")
    return Unavailable(f"Stripe answered {error.http_status}{request}.", "Run this again in a minute.")


def _lacking(words: str, request: str) -> Misconfigured:
    """Stripe names the permission, and beside it a part of the key, which is left out."""
    step = "Add it to the restricted key; docs/operating/stripe-keys.md has what each command needs."
    if found := re.search(r"'rak_(\w+)'", words):
        return Misconfigured(f"The Stripe key lacks the permission {found[1]}{request}.", step)
    return Misconfigured(f"The Stripe key may not do this{request}: {_KEY.sub('the key', words)}", step)


def said(error: stripe.StripeError) -> str:
    """Stripe's own words; where they are about a key, they may quote it, in whole or in part."""
    if isinstance(error, stripe.AuthenticationError):
        return "the key is not accepted"
    return without_secrets(error.user_message or error.code or type(error).__name__)
