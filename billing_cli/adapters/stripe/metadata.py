"""The intent that a Stripe object carries in its metadata."""

from collections.abc import Iterable
from typing import Any

from billing_cli.domain.intent import METADATA_KEY, Intent


def metadata_of(intent: Intent) -> dict[str, str]:
    return {METADATA_KEY: intent.intent_id, "company_id": intent.company_id}


def intent_named_by(metadata: Any) -> str | None:
    """The intent's id, or None where the object is not ours. Stripe's metadata is no dict."""
    return str(metadata[METADATA_KEY]) if metadata and METADATA_KEY in metadata else None


def named_by(intent: Intent, found: Iterable[Any]) -> list[Any]:
    """The objects among those found that carry the intent's name."""
    return [made for made in found if intent_named_by(made.metadata) == intent.intent_id]
