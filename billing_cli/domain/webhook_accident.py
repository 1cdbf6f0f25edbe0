"""The usual accidents between Stripe and a handler that break a signature, tried one by one."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from billing_cli.domain.webhook_signature import SignatureHeader, matching_secret
from billing_cli.domain.webhook_wrapping import CLOSE, OPEN, parsed, unwrapped

_BOM = b"\xef\xbb\xbf"
# A message in a queue's JSON in base64 of gzip, and one more.
_DEEPEST = 4


def explain(payload: bytes, header: SignatureHeader, secrets: Sequence[str]) -> str | None:
    """What was done to the body, ending a sentence `it verifies when …`; None where no accident fits."""
    matching = (what for what, body in _variants(payload) if matching_secret(body, header, secrets) is not None)
    return next(matching, None)


def _variants(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """Changes of the body as it is, then of all that may be in it: fewer changes come first."""
    level: list[tuple[str, bytes]] = [("", payload)]
    seen = {payload}
    for _ in range(_DEEPEST + 1):
        for what, body in level:
            if what:
                yield what, body
            yield from ((_both(what, how), changed) for how, changed in _changed(body))
        inner = [(_both(what, how), found) for what, body in level for how, found in unwrapped(body)]
        level = [(what, body) for what, body in inner if body not in seen]
        seen.update(body for _, body in level)


def _both(first: str, second: str) -> str:
    return f"{first} and {second}" if first else second


def _changed(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """One change of the body, then JSON written anew, then both: the simplest explanation comes first."""
    changed = [(what, body) for what, change in _BODY_CHANGES if (body := change(payload)) not in (None, payload)]
    yield from ((what, body) for what, body in changed if body is not None)
    yield from _rewritten(payload)
    for what, body in changed:
        yield from ((f"{what} and {how}", rewritten) for how, rewritten in _rewritten(body or b""))


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
)


def _rewritten(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """JSON that was parsed and written again, back in the forms that Stripe and its tools send."""
    document = parsed(payload)
    if not isinstance(document, dict):
        return
    try:
        yield from _written(document, "its JSON")
        ordered = in_stripes_order(document)
        if json.dumps(ordered) != json.dumps(document):
            yield from _written(ordered, "its keys, which something sorted, stand in Stripe's order, its JSON")
    except (ValueError, RecursionError):
        return


def _written(document: Any, what: str) -> Iterator[tuple[str, bytes]]:
    forms: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"{what} is written with two blanks of indentation, as Stripe sends it", {"indent": 2}),
        (f"{what} is written without blanks", {"separators": (",", ":")}),
        (f"{what} is written with a blank after each comma and colon", {}),
    )
    for said, form in forms:
        for ensure_ascii in (False, True):
            text = json.dumps(document, ensure_ascii=ensure_ascii, **form)
            for opened, closed in ((OPEN, CLOSE), (r"\ue000", r"\ue001")):
                text = text.replace(f'"{opened}', "").replace(f'{closed}"', "")
            yield said, text.encode("utf-8")
            yield f"{said}, and a line end follows", f"{text}\n".encode()


def in_stripes_order(document: Any) -> Any:
    """Keys as Stripe writes those of its objects: `id`, `object`, then by the alphabet."""
    if isinstance(document, list):
        return [in_stripes_order(each) for each in document]
    if not isinstance(document, dict):
        return document
    names = sorted(document, key=lambda name: (name != "id", name != "object", name))
    return {name: in_stripes_order(document[name]) for name in names}
