"""What an operator has of a webhook: a body, a header in a file, or a whole captured HTTP request."""

import re
from dataclasses import dataclass

_REQUEST_LINE = re.compile(rb"[A-Z]{3,7} [^\r\n ]+ HTTP/[0-9.]+\r?\n")
# As HTTP has it, and as programs print their headers.
_HEADER = re.compile(
    r"^[\s\"'{]*(?:http_)?stripe[-_]signature[\"']?[ \t]*(?::|=>?)[ \t]*[\"'\[]*([^\"'\]}\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_FOLD = re.compile(r"\r?\n[ \t]+(?=,|t=|v\d+=)")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True)
class Captured:
    """A body and its `Stripe-Signature`, where one is known."""

    payload: bytes
    signature: str | None


def read_captured(content: bytes) -> Captured:
    """A whole HTTP request taken apart; anything else is a body alone, byte for byte."""
    if not _REQUEST_LINE.match(content):
        return Captured(content, None)
    end = _END_OF_HEAD.search(content)
    head, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
    return Captured(body, signature_in(head.decode("latin-1"), named=True))


def signature_in(text: str, named: bool = False) -> str | None:
    """The value of the `Stripe-Signature` line; of a file that holds nothing else, its text, unless `named`."""
    text = _FOLD.sub(" ", text)
    if found := _HEADER.findall(text):
        return joined(",".join(found))
    return None if named else joined(text) or None


def joined(text: str) -> str:
    """A header's value without the blanks that proxies put between its parts."""
    return ",".join("".join(part.split()) for part in text.split(",") if part.strip())
