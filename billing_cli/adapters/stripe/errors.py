"""Stripe's errors as our sentences; none repeats a key."""

import stripe

from billing_cli.domain.errors import BadInput, BillingError, Fault, Misconfigured, Unavailable


def billing_error(error: stripe.StripeError) -> BillingError:
    """The error an operator should read for one from the Stripe SDK."""
    request = f" (request {error.request_id})" if error.request_id else ""
    if isinstance(error, stripe.AuthenticationError):
        return Misconfigured(f"Stripe does not accept the key{request}.", "Check STRIPE_SECRET_KEY.")
    if isinstance(error, stripe.PermissionError):
        return Misconfigured(
            f"The Stripe key may not do this{request}: {said(error)}",
            "Give the restricted key the permission, or use another key.",
        )
    if isinstance(error, stripe.APIConnectionError):
        return Unavailable("Stripe cannot be reached.", "Check the network and STRIPE_API_BASE, then run this again.")
    if isinstance(error, stripe.RateLimitError):
        return Unavailable(f"Stripe asks to slow down{request}.", "Run this again in a minute.")
    if isinstance(error, stripe.InvalidRequestError):
        return BadInput(f"Stripe refused the request{request}: {said(error)}")
    if error.http_status is not None and error.http_status < 500 and error.http_status != 409:
        return Fault(f"Stripe answered {error.http_status}{request}: {said(error)}")
    return Unavailable(f"Stripe answered {error.http_status}{request}.", "Run this again in a minute.")


def said(error: stripe.StripeError) -> str:
    return error.user_message or error.code or type(error).__name__
