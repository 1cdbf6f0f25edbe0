"""Bodies of answers, before the SDK makes objects of them: it takes for granted that they are Stripe's."""

import json
from collections.abc import Mapping
from typing import Any

import stripe

from billing_cli.domain.read_answer import flaw_of

Document = Mapping[str, Any]


def decoded(body: bytes | str) -> Any:
    """The JSON value; None if there is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def check_readable(body: bytes | str, status: int, headers: Any) -> Document:
    """The document of an answer. Raises stripe.APIError for one that the SDK would break on."""
    document = decoded(body)
    readable = isinstance(document, dict)
    if readable and status >= 400:
        readable = isinstance(document.get("error"), dict)
    if not readable:
        raise _error("the body is no object of its kind", body, status, document, headers)
    return document  # type: ignore[no-any-return]


def check_read(method: str, path: str, body: bytes | str, status: int, headers: Any) -> None:
    """Raises stripe.APIError for an answer to a read that proves nothing.

    A list that a captive portal or a gateway makes up would prove that nothing is there, and another account's name
    that nothing was ever sent.
    """
    document = check_readable(body, status, headers)
    if status >= 400:
        return
    if not headers.get("Request-Id", "").startswith("req_"):
        raise _error("it has no request id of Stripe's", body, status, document, headers)
    if flaw := flaw_of(method, path, document):
        raise _error(flaw, body, status, document, headers)


def _error(problem: str, body: bytes | str, status: int, document: Any, headers: Any) -> stripe.APIError:
    return stripe.APIError(problem, body, status, document, headers)
