"""Stripe's reports of events that it took and could not count; each names a few of them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Stripe's schema says of the name in an error that it is the request's idempotency key, its examples show the
# event's own identifier. Ours is `IDENTIFIER.ATTEMPT.TRY`, so either is understood.
_OF_THE_REQUEST = re.compile(r"\.\d+\.\d+$")


def named_in(errors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Identifiers that Stripe's meter errors name as examples, with the reason of each.

    Not those of a duplicate, of which one was counted.
    """
    named: dict[str, str] = {}
    for error in errors:
        for kind, sample in _samples(error):
            if "duplicate" not in str(kind.get("code")):
                identifier = str((sample.get("request") or {}).get("identifier"))
                named[_OF_THE_REQUEST.sub("", identifier)] = f"{kind.get('code')}: {sample.get('error_message')}"[:500]
    return named


def _samples(error: Mapping[str, Any]) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    reason = (error.get("data") or {}).get("reason") or {}
    for kind in reason.get("error_types") or []:
        for sample in kind.get("sample_errors") or []:
            yield kind, sample
