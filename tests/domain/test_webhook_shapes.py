"""About a hundred shapes in which people captured a webhook: each is undone, or named."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from billing_cli.domain.captured_request import Captured, joined, read_captured, signature_in
from billing_cli.domain.webhook_check import check_webhook
from billing_cli.domain.webhook_signature import signed_header
from billing_cli.render.webhook_check import why

NOW_S = 1_764_000_000
SECRET = "whsec_shapes"
ASCII = (Path(__file__).parents[2] / "docs" / "stripe_webhook_sample.json").read_bytes().rstrip(b"\n")
UMLAUT = ASCII.replace(b"requested_by_customer", "zurück – é".encode())

Shape = Callable[[bytes], bytes]


def js(document: object) -> bytes:
    return json.dumps(document).encode()


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def event(body: bytes) -> object:
    return json.loads(body)


def sqs(text: str) -> bytes:
    return js({"Records": [{"messageId": "1", "body": text, "eventSource": "aws:sqs"}]})


def raw_deflate(body: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(body) + deflating.flush()


UNDONE: list[tuple[str, Shape, str]] = [
    ("compact", lambda b: json.dumps(event(b), separators=(",", ":"), ensure_ascii=False).encode(), "two blanks of"),
    ("ascii escapes", lambda b: js(event(b)), "two blanks of indentation"),
    ("four blanks", lambda b: json.dumps(event(b), indent=4).encode(), "two blanks of indentation"),
    ("sorted keys", lambda b: json.dumps(event(b), sort_keys=True).encode(), "Stripe's order"),
    ("sorted and pretty", lambda b: json.dumps(event(b), sort_keys=True, indent=2).encode(), "Stripe's order"),
    ("line end", lambda b: b + b"\n", "line end after the body is removed"),
    ("blanks around", lambda b: b"  " + b + b" ", "blanks around"),
    ("CRLF", lambda b: b.replace(b"\n", b"\r\n"), "CRLF"),
    ("mark", lambda b: b"\xef\xbb\xbf" + b, "byte order mark"),
    ("UTF-16", lambda b: b.decode().encode("utf-16"), "UTF-16"),
    ("gzip", gzip.compress, "gzip"),
    ("deflate", zlib.compress, "deflate"),
    ("raw deflate", raw_deflate, "deflate"),
    ("base64", base64.b64encode, "base64"),
    ("base64 in lines", base64.encodebytes, "base64"),
    ("base64 for addresses", base64.urlsafe_b64encode, "base64"),
    ("base64 without its end", lambda b: base64.b64encode(b).rstrip(b"="), "base64"),
    ("base64 of gzip", lambda b: base64.b64encode(gzip.compress(b)), "base64 and the body, which something on the way"),
    ("base64 of deflate", lambda b: base64.b64encode(zlib.compress(b)), "deflate"),
    ("base64 twice", lambda b: base64.b64encode(base64.b64encode(b)), "base64 and the body is decoded from base64"),
    ("gzip of base64", lambda b: gzip.compress(base64.b64encode(b)), "base64"),
    ("one chunk", lambda b: chunks(b, 100_000), "HTTP chunks"),
    ("many chunks", lambda b: chunks(b, 97), "HTTP chunks"),
    ("chunked gzip", lambda b: chunks(gzip.compress(b), 97), "HTTP chunks"),
    ("a string", lambda b: js(b.decode()), "JSON string"),
    ("a string twice", lambda b: js(js(b.decode()).decode()), "JSON string and the body is taken out of its JSON str"),
    ("Buffer", lambda b: js({"type": "Buffer", "data": list(b)}), "JSON Buffer"),
    ("body's Buffer", lambda b: js({"body": {"type": "Buffer", "data": list(b)}}), "JSON Buffer"),
    ("gateway", lambda b: js({"body": b.decode(), "isBase64Encoded": False}), "gateway's JSON"),
    ("gateway, base64", lambda b: js({"body": b64(b), "isBase64Encoded": True}), "gateway's JSON"),
    ("gateway, base64 of gzip", lambda b: js({"body": b64(gzip.compress(b)), "isBase64Encoded": True}), "gzip"),
    ("gateway, parsed", lambda b: js({"body": event(b), "headers": {}}), "two blanks"),
    ("SQS record", lambda b: sqs(b.decode()), "queue's message"),
    ("SQS of a gateway", lambda b: sqs(js({"body": b.decode()}).decode()), "gateway's JSON"),
    ("SQS of base64", lambda b: sqs(b64(b)), "queue's message and the body is decoded from base64"),
    ("SQS received", lambda b: js({"Messages": [{"Body": b.decode(), "MessageId": "1"}]}), "queue's message"),
    ("SNS", lambda b: js({"Type": "Notification", "Message": b.decode()}), "queue's message"),
    ("SNS in SQS", lambda b: sqs(js({"Type": "Notification", "Message": b.decode()}).decode()), "queue's message"),
    ("SNS to a function", lambda b: js({"Records": [{"Sns": {"Message": b.decode()}}]}), "queue's message"),
    ("EventBridge", lambda b: js({"detail-type": "x", "source": "aws.partner", "detail": event(b)}), "EventBridge"),
    ("workflow tool", lambda b: js([{"headers": {}, "body": event(b)}]), "two blanks"),
    ("form", lambda b: b"payload=" + quote_plus(b).encode(), "form's escapes"),
    ("escaped", lambda b: quote(b).encode(), "form's escapes"),
]
ONLY_UMLAUTS: list[tuple[str, Shape, str]] = [
    ("encoded twice", lambda b: b.decode("latin-1").encode(), "encoded twice"),
    ("encoded twice by Windows", lambda b: b.decode("cp1252").encode(), "encoded twice"),
]
LATIN = ASCII.replace(b"requested_by_customer", "zurück é".encode())
NAMED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "The body is empty"),
    ("blanks", b" \r\n", "The body is empty"),
    ("object", b"[object Object]", "a program printed"),
    ("Object in a line", b"[object Promise]\n", "a program printed"),
    ("Buffer printed", b"<Buffer 7b 0a 20 20>", "a program printed"),
    ("undefined", b"undefined", "a program printed"),
    ("None", b"None", "a program printed"),
    ("bytes of Python", repr(ASCII).encode(), "a program printed"),
    ("dict of Python", str(json.loads(ASCII)).encode(), "a program printed"),
    ("page", b"<!DOCTYPE html><html></html>", "HTML"),
    ("text", b"hello", "no JSON"),
    ("cut off", ASCII[:200], "cut off"),
    ("cut off in a string", ASCII[: ASCII.index(b"stripe") + 3] if b"stripe" in ASCII else ASCII[:33], "cut off"),
    ("cut off at the end", ASCII[:-1], "cut off"),
    ("cut off after a key", ASCII[: ASCII.index(b":") + 1], "cut off"),
    ("cut off gzip", gzip.compress(ASCII)[:-9], "compressed, and cut off"),
    ("two bodies", ASCII + ASCII, "no JSON"),
    ("single quotes", ASCII.replace(b'"', b"'"), "no JSON"),
    ("list", b"[]", "no object"),
    ("number", b"17", "no object"),
    ("other JSON", b'{"hello": 1}', "no event of Stripe's"),
    ("empty object", b"{}", "no event of Stripe's"),
    ("sorted and changed", json.dumps(json.loads(ASCII) | {"created": 1}, sort_keys=True).encode(), "keys are sorted"),
]
HEADER = signed_header(ASCII, SECRET, NOW_S)
OLD = f"{HEADER},v0=abc"
HEADERS: list[tuple[str, str]] = [
    ("alone", HEADER),
    ("in a line", HEADER + "\r\n"),
    ("named", f"Stripe-Signature: {HEADER}"),
    ("lower case", f"stripe-signature: {HEADER}"),
    ("upper case", f"STRIPE-SIGNATURE: {HEADER}"),
    ("of a server", f"HTTP_STRIPE_SIGNATURE={HEADER}"),
    ("joined with blanks", OLD.replace(",", ", ")),
    ("blanks before commas", OLD.replace(",", " , ")),
    ("folded", f"Host: a\r\nStripe-Signature: {OLD.replace(',', ',' + chr(13) + chr(10) + ' ')}\r\nAccept: b"),
    ("folded by tab", f"Stripe-Signature: {OLD.replace(',', ',' + chr(10) + chr(9))}"),
    ("repeated", f"Stripe-Signature: {HEADER}\r\nHost: a\r\nStripe-Signature: {HEADER}\r\n"),
    ("repeated, one of another", f"Stripe-Signature: t={NOW_S},v1={'0' * 64}\nStripe-Signature: {HEADER}\n"),
    ("two joined", f"Stripe-Signature: {HEADER}, {HEADER}"),
    ("JSON", json.dumps({"host": "a", "stripe-signature": HEADER}, indent=1)),
    ("JSON in one line", json.dumps({"Stripe-Signature": HEADER, "host": "a"})),
    ("list in JSON", json.dumps({"Stripe-Signature": [HEADER]})),
    ("a comma at the end", HEADER + ","),
]


def judged(body: bytes, signed: bytes) -> str:
    check = check_webhook(Captured(body, signed_header(signed, SECRET, NOW_S)), ["whsec_x", SECRET], NOW_S)
    assert not check.believed
    return why(check) or ""


@pytest.mark.parametrize("signed", [ASCII, UMLAUT], ids=["ascii", "umlaut"])
@pytest.mark.parametrize(("shape", "words"), [pytest.param(*case[1:], id=case[0]) for case in UNDONE])
def test_what_was_done_to_the_body_is_undone(signed: bytes, shape: Shape, words: str) -> None:
    said = judged(shape(signed), signed)
    assert "it verifies when" in said
    assert words in said


@pytest.mark.parametrize(
    ("signed", "shape", "words"),
    [
        *(pytest.param(LATIN, *case[1:], id=case[0]) for case in ONLY_UMLAUTS),
        pytest.param(LATIN, lambda b: b.decode().encode("latin-1"), "Latin-1", id="Latin-1"),
    ],
)
def test_other_encodings_are_undone(signed: bytes, shape: Shape, words: str) -> None:
    assert words in judged(shape(signed), signed)


@pytest.mark.parametrize(("body", "words"), [pytest.param(*case[1:], id=case[0]) for case in NAMED])
def test_what_cannot_be_undone_is_named(body: bytes, words: str) -> None:
    said = judged(body, ASCII)
    assert words in said
    assert "another endpoint" not in said


def test_another_secret_is_the_cause_only_if_nothing_else_is() -> None:
    check = check_webhook(Captured(ASCII, HEADER), ["whsec_x"], NOW_S)
    assert "secret of another endpoint" in (why(check) or "")


@pytest.mark.parametrize("text", [pytest.param(case[1], id=case[0]) for case in HEADERS])
def test_headers_as_proxies_and_programs_write_them(text: str) -> None:
    assert check_webhook(Captured(ASCII, signature_in(text)), [SECRET], NOW_S).believed
    if "tripe" not in text.lower():
        assert check_webhook(Captured(ASCII, joined(text)), [SECRET], NOW_S).believed


def test_a_request_with_folded_headers_is_taken_apart() -> None:
    folded = OLD.replace(",", ",\r\n  ")
    request = f"POST /hooks HTTP/1.1\r\nSTRIPE-SIGNATURE: {folded}\r\nHost: a\r\n\r\n".encode() + ASCII
    assert check_webhook(read_captured(request), [SECRET], NOW_S).believed
