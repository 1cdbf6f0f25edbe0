"""What queues, gateways and captures put around a webhook's body, taken off again."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

# Longer bodies are not parsed: Stripe never sends such.
MOST_BYTES = 1_000_000
_SIZE = re.compile(rb"([0-9a-fA-F]{1,7})[^\r\n]{0,200}\r?\n")
_FORM = re.compile(rb"(?:payload|data|body|event)=")
# A parsed number keeps the digits it was read with between these.
OPEN, CLOSE = "\ue000", "\ue001"


def unwrapped(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Every body that may be in there, with the change that gives it, as the end of `it verifies when …`."""
    for what, unwrap in _UNWRAPPINGS:
        body = unwrap(payload)
        if body not in (None, payload):
            yield what, body or b""


def parsed(payload: bytes) -> Any:
    """The JSON of a body, or None; its fractions are text between OPEN and CLOSE."""
    if len(payload) > MOST_BYTES:
        return None
    try:
        # As text: of bytes, json would see for itself that they are UTF-16.
        text = payload.decode("utf-8", "surrogatepass")
        return json.loads(text, parse_float=lambda digits: OPEN + digits + CLOSE)
    except (ValueError, RecursionError):
        return None


def _inflated(payload: bytes, wbits: int) -> bytes | None:
    """None if it is not compressed in this way, is cut off, or becomes longer than any event."""
    inflating = zlib.decompressobj(wbits=wbits)
    try:
        body = inflating.decompress(payload, MOST_BYTES)
    except zlib.error:
        return None
    return body if inflating.eof else None


def _gunzipped(payload: bytes) -> bytes | None:
    return _inflated(payload, zlib.MAX_WBITS | 16)


def _deflated(payload: bytes) -> bytes | None:
    """With zlib's header, or raw as some servers send it."""
    return _inflated(payload, zlib.MAX_WBITS) or _inflated(payload, -zlib.MAX_WBITS)


def _as_utf8(payload: bytes) -> bytes | None:
    encoding = json.detect_encoding(payload)
    if not encoding.startswith(("utf-16", "utf-32")):
        return None
    try:
        return payload.decode(encoding).encode()
    except UnicodeError:
        return None


def _encoded_once(encoding: str) -> Callable[[bytes], bytes | None]:
    """UTF-8 that was read as another encoding and written as UTF-8 once more."""

    def undo(payload: bytes) -> bytes | None:
        try:
            return payload.decode().encode(encoding)
        except UnicodeError:
            return None

    return undo


def _from_latin_1(payload: bytes) -> bytes | None:
    try:
        payload.decode()
    except UnicodeError:
        return payload.decode("latin-1").encode()
    return None


def _from_base64(payload: bytes) -> bytes | None:
    text = b"".join(payload.split()).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True) if text else None
    except (binascii.Error, ValueError):
        return None


def _from_string(payload: bytes) -> bytes | None:
    document = parsed(payload)
    return _text(document) if isinstance(document, str) else None


def _from_buffer(payload: bytes) -> bytes | None:
    """`{"type": "Buffer", "data": [123, …]}`, as Node writes one, also within a body's field."""
    document = parsed(payload)
    document = document.get("body", document) if isinstance(document, dict) else None
    found = document.get("data") if isinstance(document, dict) and document.get("type") == "Buffer" else None
    try:
        return bytes(found) if isinstance(found, list) else None
    except (TypeError, ValueError):
        return None


def _from_gateway(payload: bytes) -> bytes | None:
    """`{"body": "…", "isBase64Encoded": …}`, as API Gateway and function URLs hand it on."""
    document = parsed(payload)
    if not isinstance(document, dict) or not isinstance(document.get("body"), str):
        return None
    body = _text(document["body"])
    return _from_base64(body) if document.get("isBase64Encoded") is True else body


def _from_queue(payload: bytes) -> bytes | None:
    """A message of SQS or SNS, alone or the first of several."""
    document = parsed(payload)
    for several in ("Records", "Messages"):
        if isinstance(document, dict) and isinstance(found := document.get(several), list) and found:
            document = found[0]
    if isinstance(document, dict) and isinstance(document.get("Sns"), dict):
        document = document["Sns"]
    texts = [document.get(name) for name in ("body", "Body", "Message")] if isinstance(document, dict) else []
    return next((_text(text) for text in texts if isinstance(text, str)), None)


def _from_bridge(payload: bytes) -> bytes | None:
    """The `detail` of EventBridge, or of a workflow tool's `body`: an object, written anew."""
    document = parsed(payload)
    if isinstance(document, list) and document:
        document = document[0]
    found = [document.get(name) for name in ("detail", "body")] if isinstance(document, dict) else []
    return next((json.dumps(inner).encode() for inner in found if isinstance(inner, Mapping)), None)


def _from_chunks(payload: bytes) -> bytes | None:
    """A capture of `Transfer-Encoding: chunked` with the chunks' sizes in it."""
    parts: list[bytes] = []
    at = 0
    while size := _SIZE.match(payload, at):
        length = int(size[1], 16)
        if not length:
            return b"".join(parts)
        parts.append(payload[size.end() : size.end() + length])
        at = size.end() + length
        at += 2 if payload[at : at + 2] == b"\r\n" else 1
    return None


def _from_form(payload: bytes) -> bytes | None:
    """A form's only field, or a body whose characters were escaped as in one."""
    if b"%7B" not in payload[:20].upper() or len(payload) > MOST_BYTES:
        return None
    found = _FORM.match(payload)
    return unquote_to_bytes(payload[found.end() if found else 0 :].replace(b"+", b" "))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_UNWRAPPINGS: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
    ("the body, which something on the way compressed with gzip, is decompressed", _gunzipped),
    ("the body, which something on the way compressed with deflate, is decompressed", _deflated),
    ("the body, which an editor or a shell saved as UTF-16, is UTF-8 again", _as_utf8),
    ("the body is decoded from base64", _from_base64),
    ("the sizes of its HTTP chunks are taken out", _from_chunks),
    ("the body is taken out of its JSON string", _from_string),
    ("the bytes of the JSON Buffer are put together", _from_buffer),
    ("the body is taken out of the gateway's JSON", _from_gateway),
    ("the body is taken out of the queue's message", _from_queue),
    ("the event is taken out of EventBridge's detail", _from_bridge),
    ("the form's escapes are undone", _from_form),
    ("its UTF-8, which was encoded twice, is decoded once", _encoded_once("latin-1")),
    ("its UTF-8, which was encoded twice, is decoded once", _encoded_once("cp1252")),
    ("the body, which was saved as Latin-1, is UTF-8 again", _from_latin_1),
)
