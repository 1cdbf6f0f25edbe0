"""An answer over REST: PostgREST's document, or the error for an answer of a gateway or a website."""

import json
import re
from html import unescape
from http import HTTPStatus
from typing import Any

import httpx

from billing_cli.adapters.database.errors import domain_error, with_words
from billing_cli.domain.errors import BillingError, Misconfigured, Unavailable
from billing_cli.domain.masking import without_secrets

# A SQLSTATE, or PostgREST's own code. Gateways have other codes, or their HTTP status as one.
_CODE = re.compile(r"PGRST\w+|[0-9A-Z]{5}")
_LONGEST_WORDS = 200
# Supabase's own, https://supabase.com/docs/guides/troubleshooting/http-status-codes
_PAUSED = {402, 540}
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def refuse_all_but_success(response: httpx.Response) -> None:
    """For httpx: raises BillingError unless the answer is a success with a JSON document."""
    body = response.read()
    if not response.is_success:
        raise refusal(response.status_code, body)
    try:
        json.loads(body)
    except ValueError:
        raise _foreign(response.status_code, body) from None


def refusal(status: int, body: bytes) -> BillingError:
    """The error for an answer that is no success."""
    document = _document(body)
    code, words = str(document.get("code") or ""), _words(document, body)
    if _CODE.fullmatch(code):
        return domain_error(code, str(document.get("message") or ""), document.get("hint"))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _key_refused(words)
    if status in _PAUSED:
        return Misconfigured(
            with_words(f"The Supabase project is paused or restricted ({status}).", words),
            "Restore the project, or settle its bill, in Supabase's Dashboard.",
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Misconfigured(
            with_words("The request is too large for Supabase's gateway (413).", words),
            "Take a shorter window; or unset SUPABASE_URL, so that SUPABASE_DB_URL is used.",
        )
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(
            with_words(f"The database cannot be reached: Supabase answered {status}.", words),
            "Run this again later; https://status.supabase.com shows incidents.",
        )
    return _foreign(status, body)


def _key_refused(words: str) -> BillingError:
    if "legacy" in words.lower():
        return Misconfigured(
            with_words("The database does not let this key in.", words),
            "Set SUPABASE_SECRET_KEY to a secret key (sb_secret_...): Project Settings, API Keys.",
        )
    return domain_error("PGRST301", words, None)


def _foreign(status: int, body: bytes) -> Misconfigured:
    words = _words(_document(body), body) or "empty"
    return Misconfigured(
        with_words(f"SUPABASE_URL does not answer as Supabase does ({status}).", words),
        "Correct SUPABASE_URL, or look at what stands between this machine and Supabase.",
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _words(document: dict[str, Any], body: bytes) -> str:
    """The message of a JSON document, the title of a page, or the beginning of a text; one line without secrets."""
    said = document.get("message") or document.get("msg") or document.get("error")
    if said is None:
        text = body[:100_000].decode(errors="replace")
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        said = unescape(title[1] if title else re.sub(r"<[^>]*>", " ", text))
    return without_secrets(" ".join(str(said).split()))[:_LONGEST_WORDS]
