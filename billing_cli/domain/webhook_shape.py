"""Bodies that Stripe cannot have signed, by their shape."""

import json
import re

from billing_cli.domain.webhook_wrapping import MOST_BYTES, parsed

_PRINTED = re.compile(r"\[object [A-Z]\w*\]|<Buffer [0-9a-f. ]+|undefined|null|None|b'|Array$|\{'|System\.")


def named_shape(payload: bytes) -> str | None:
    """A sentence about the body's shape, with the next step; None for a JSON object with its keys as Stripe has them.

    For a body whose signature does not fit and that no accident explains.
    """
    text = payload.decode("utf-8", "replace").strip().removeprefix("\ufeff").strip()
    if not text:
        return "The body is empty: something read it before the handler did. Capture the raw body first."
    if _PRINTED.match(text):
        return f"The body is {text[:20]!r}: a program printed its own value of the body. Capture the raw bytes instead."
    if text[0] == "<":
        return "The body is HTML or XML, not an event: it was captured elsewhere. Capture what Stripe sent."
    if len(payload) > MOST_BYTES:
        return None
    if payload[:2] in (b"\x1f\x8b", b"\x78\x9c"):
        return "The body is compressed, and cut off or not an event. Capture it whole, before anything decompresses it."
    return _shape_of_json(payload, text)


def _shape_of_json(payload: bytes, text: str) -> str | None:
    document = parsed(payload.strip().removeprefix(b"\xef\xbb\xbf"))
    if document is None and text not in ("null",):
        return _no_json(text)
    if not isinstance(document, dict):
        return "The body is JSON, but no object: it is not an event as Stripe sends it. Capture the raw body."
    if "object" not in document and not {"id", "type"} <= document.keys():
        return "The body is JSON, but no event of Stripe's. If something wrapped it, capture it before that."
    if len(document) > 2 and list(document) == sorted(document) and "id" in document:
        return "The body's keys are sorted: it was parsed and written again. Verify the raw body instead."
    return None


def _no_json(text: str) -> str | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if text[0] in "{[" and (error.pos >= len(text) - 1 or error.msg.startswith("Unterminated string")):
            return f"The body is cut off after {len(text.encode()):,} bytes. Capture it whole."
        return f"The body is no JSON (at character {error.pos + 1:,}). Capture the raw body that Stripe sent."
    except RecursionError:
        return None
    return None
