"""Stripe's answers as our sentences; none repeats a key."""

import re

import stripe

from billing_cli.adapters.stripe.pace import REASON_HEADER
from billing_cli.domain.answer import Answer, Expected
from billing_cli.domain.errors import BadInput, BillingError, Fault, Misconfigured, NoSuchObject, Unavailable
from billing_cli.domain.masking import without_secrets
from billing_cli.domain.reach import not_reached

# The part of an error of requests that names the address; names and passwords are no part of it.
_PLACE = re.compile(r"host='([\w.:-]+)', port=(\d+)")
_KEY = re.compile(r"'?\b[rs]k_(?:test|live)_[\w*]+'?")
_CHECK_THE_ID = (
    "Check the id: billing timeline COMPANY, or the Dashboard. A key of the other mode or of another account does not "
    "see it."
)
_IN_A_MINUTE = "Run this again in a minute."


def answer_of(error: stripe.StripeError) -> Answer:
    """The answer behind an error of the SDK."""
    headers = error.headers or {}
    if error.http_status is None:
        return Answer(None, problem=str(error))
    return Answer(
        error.http_status,
        error.json_body,
        error.request_id,
        headers.get(REASON_HEADER),
        headers.get("Idempotent-Replayed") == "true",
        problem=str(error.user_message or ""),
    )


def billing_error(answer: Answer) -> BillingError:
    """The error an operator should read for an answer that is no success."""
    status, request = answer.status, f" (request {answer.request_id})" if answer.request_id else ""
    if status is None:
        found = _PLACE.search(answer.problem)
        return Unavailable(
            not_reached("Stripe", ":".join(found.groups()) if found else "", answer.problem),
            "Check the network and STRIPE_API_BASE, then run this again.",
        )
    if status == 429:
        return Unavailable(f"Stripe asks to slow down{request}.", _IN_A_MINUTE)
    if status >= 500 or status == 409:
        return Unavailable(f"Stripe answered {status}{request}.", _IN_A_MINUTE)
    if not answer.error:
        return Unavailable(
            f"The answer {status}{request} is not Stripe's{f': {answer.problem}' if answer.problem else ''}.",
            "A proxy or gateway answers in its place. Check the network and STRIPE_API_BASE, then run this again.",
        )
    return _refusal(answer, status, request)


def unproved(answer: Answer, expected: Expected) -> str:
    """Why an answer proves nothing about its request, for the operator."""
    if answer.status is not None and 200 <= answer.status < 300:
        return f"The answer {answer.status} is not Stripe's, or not about this: {expected.difference(answer)}."
    return billing_error(answer).message


def _refusal(answer: Answer, status: int, request: str) -> BillingError:
    if status == 401:
        return Misconfigured(f"Stripe does not accept the key{request}.", "Check STRIPE_SECRET_KEY.")
    if status == 403:
        return _lacking(words_of(answer), request)
    if status in (400, 404):
        refused = f"Stripe refused the request{request}: {words_of(answer)}"
        missing = answer.error.get("code") == "resource_missing"
        return NoSuchObject(refused, _CHECK_THE_ID) if missing else BadInput(refused)
    return Fault(f"Stripe answered {status}{request}: {words_of(answer)}")


def _lacking(words: str, request: str) -> Misconfigured:
    """Stripe names the permission, and beside it a part of the key, which is left out."""
    step = "Add it to the restricted key; docs/operating/stripe-keys.md has what each command needs."
    if found := re.search(r"'rak_(\w+)'", words):
        return Misconfigured(f"The Stripe key lacks the permission {found[1]}{request}.", step)
    return Misconfigured(f"The Stripe key may not do this{request}: {_KEY.sub('the key', words)}", step)


def words_of(answer: Answer) -> str:
    """Stripe's own words. Words about a key are left out: they may quote it, in whole or in part."""
    if answer.status == 401 and answer.error:
        return "the key is not accepted"
    error = answer.error
    words = error.get("message") or error.get("code") or error.get("type") or answer.problem or "not Stripe's answer"
    return without_secrets(str(words))
