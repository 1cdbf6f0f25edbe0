"""The usual accidents between Stripe and a handler that break a signature, tried one by one."""

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from billing_cli.domain.webhook_signature import SignatureHeader, matching_secret

_BOM = b"\xef\xbb\xbf"
# Parsing and writing JSON anew takes seconds on bodies that Stripe never sends.
_REWRITTEN_BYTES = 1_000_000
# Around a number that must be written again with the digits it was read with.
_OPEN, _CLOSE = "\ue000", "\ue001"


def explain(payload: bytes, header: SignatureHeader, secrets: Sequence[str]) -> str | None:
    """What was done to the body, ending a sentence `it verifies when …`; None where no accident fits."""
    matching = (what for what, body in _variants(payload) if matching_secret(body, header, secrets) is not None)
    return next(matching, None)


def _variants(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Changes of the body as it is, then of what it was before it was compressed or saved in another encoding."""
    yield from _changed(payload)
    for what, unwrap in _UNWRAPPINGS:
        if (body := unwrap(payload)) is not None:
            yield what, body
            yield from ((f"{what} and {how}", each) for how, each in _changed(body))


def _decompressed(payload: bytes) -> bytes | None:
    """None where it is not gzip, is cut off, or becomes longer than any event."""
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = inflating.decompress(payload, _REWRITTEN_BYTES)
    except zlib.error:
        return None
    return body if inflating.eof else None


def _as_utf8(payload: bytes) -> bytes | None:
    if not (encoding := json.detect_encoding(payload)).startswith("utf-16"):
        return None
    try:
        return payload.decode(encoding).encode()
    except UnicodeError:
        return None


_UNWRAPPINGS: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
    ("the body, which something on the way compressed with gzip, is decompressed", _decompressed),
    ("the body, which an editor or a shell saved as UTF-16, is UTF-8 again", _as_utf8),
)


def _changed(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """One change of the body, then JSON written anew, then both: the simplest explanation comes first."""
    changed = [(what, body) for what, change in _BODY_CHANGES if (body := change(payload)) not in (None, payload)]
    yield from ((what, body) for what, body in changed if body is not None)
    yield from _rewritten(payload)
    for what, body in changed:
        yield from ((f"{what} and {how}", rewritten) for how, rewritten in _rewritten(body or b""))


def _unpacked(payload: bytes) -> bytes | None:
    """A body that a gateway wrapped as `{"body": "…", "isBase64Encoded": …}`."""
    document = _parsed(payload)
    if not isinstance(document, dict) or not isinstance(document.get("body"), str):
        return None
    body = document["body"].encode("utf-8", "surrogatepass")
    return _decoded(body) if document.get("isBase64Encoded") is True else body


def _unquoted(payload: bytes) -> bytes | None:
    document = _parsed(payload)
    return document.encode("utf-8", "surrogatepass") if isinstance(document, str) else None


def _decoded(payload: bytes) -> bytes | None:
    try:
        return base64.b64decode(payload.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


_BODY_CHANGES: tuple[tuple[str, Callable[[bytes], bytes | None]], ...] = (
    ("the line end after the body is removed", lambda body: body.rstrip(b"\r\n")),
    ("a line end follows the body", lambda body: body + b"\n"),
    ("CRLF line ends become LF", lambda body: body.replace(b"\r\n", b"\n")),
    (
        "CRLF line ends become LF and the last one is removed",
        lambda body: body.replace(b"\r\n", b"\n").rstrip(b"\n") if b"\r\n" in body else None,
    ),
    ("LF line ends become CRLF", lambda body: body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    ("the byte order mark is removed", lambda body: body.removeprefix(_BOM)),
    ("a byte order mark stands before the body", lambda body: _BOM + body),
    ("blanks around the body are removed", lambda body: body.strip()),
    ("the body is decoded from base64", _decoded),
    ("the body is taken out of the gateway's JSON", _unpacked),
    ("the body is taken out of its JSON string", _unquoted),
)


def _rewritten(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """JSON that was parsed and written again, back in the forms that Stripe and its tools send."""
    document = _parsed(payload)
    if not isinstance(document, dict):
        return
    forms: tuple[tuple[str, dict[str, Any]], ...] = (
        ("its JSON is written with two blanks of indentation, as Stripe sends it", {"indent": 2}),
        ("its JSON is written without blanks", {"separators": (",", ":")}),
        ("its JSON is written with a blank after each comma and colon", {}),
    )
    for what, form in forms:
        for ensure_ascii in (False, True):
            try:
                text = json.dumps(document, ensure_ascii=ensure_ascii, **form)
                for opened, closed in ((_OPEN, _CLOSE), (r"\ue000", r"\ue001")):
                    text = text.replace(f'"{opened}', "").replace(f'{closed}"', "")
                yield what, text.encode("utf-8")
                yield f"{what}, and a line end follows", f"{text}\n".encode()
            except (ValueError, RecursionError):
                return


def _parsed(payload: bytes) -> Any:
    if len(payload) > _REWRITTEN_BYTES:
        return None
    try:
        # As text: of bytes, json would see for itself that they are UTF-16.
        text = payload.decode("utf-8", "surrogatepass")
        return json.loads(text, parse_float=lambda digits: _OPEN + digits + _CLOSE)
    except (ValueError, RecursionError):
        return None
