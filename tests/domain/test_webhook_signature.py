"""The verifier beside Stripe's own, both ways, over any bytes; and what it says of the usual accidents."""

import base64
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.domain.captured_request import Captured, read_captured, signature_in
from billing_cli.domain.webhook_check import check_webhook
from billing_cli.domain.webhook_event import read_event
from billing_cli.domain.webhook_signature import Failure, signature, signed_header, verify

SAMPLE = (Path(__file__).parents[2] / "docs" / "stripe_webhook_sample.json").read_bytes()
OLD, NEW = "whsec_old", "whsec_new"
NOW_S = 1_764_000_000
# `make fuzz` asks for many more.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
BODIES = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
PARTS = st.one_of(
    st.text(max_size=20),
    st.integers(NOW_S - 10, NOW_S + 10).map(lambda t: f"t={t}"),
    st.sampled_from(["t=", "t=x", "v1", "v1=", "v1=a=b", "v0=abc", " v1=abc", "t=1_0", "t= 12 ", "t=٣", "t=-5"]),
)


def stripe_believes(body: bytes, header: str, secret: str) -> bool:
    """Stripe's own verdict with its check of the time switched off; a crash of theirs is a no."""
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=0))
    except (stripe.SignatureVerificationError, TypeError, UnicodeError):
        return False


def is_text(body: bytes) -> bool:
    try:
        return bool(body.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(body=BODIES, parts=st.lists(PARTS, max_size=6), signed=st.booleans(), damaged=st.booleans())
def test_it_agrees_with_stripes_own_verifier(body: bytes, parts: list[str], signed: bool, damaged: bool) -> None:
    if signed:
        parts = [*parts, *signed_header(body, NEW, NOW_S).split(",")]
    sent = body + b"x" if damaged else body
    header = ",".join(parts)
    verdict = verify(sent, header, [NEW], NOW_S)
    if is_text(sent):  # Stripe's refuses other bytes by raising UnicodeDecodeError
        assert (verdict.secret_number == 1) == stripe_believes(sent, header, NEW)
    assert not (damaged and not parts and verdict.valid)


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=BODIES, age_s=st.integers(-1000, 1000), secret=st.sampled_from([OLD, NEW, "whsec_other"]))
def test_only_the_right_secret_in_time_is_believed(body: bytes, age_s: int, secret: str) -> None:
    verdict = verify(body, signed_header(body, secret, NOW_S - age_s), [OLD, NEW], NOW_S)
    assert verdict.valid == (secret != "whsec_other" and -300 <= age_s <= 300)
    assert verdict.secret_number == {OLD: 1, NEW: 2}.get(secret)


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=BODIES, header=st.one_of(st.none(), st.text(max_size=100)), content=st.binary(max_size=300))
def test_no_bytes_at_all_make_it_fail(body: bytes, header: str | None, content: bytes) -> None:
    assert not check_webhook(Captured(body, header), [NEW], NOW_S).believed
    assert not check_webhook(read_captured(b"POST / HTTP/1.1\r\n" + content), [NEW], NOW_S).believed


@pytest.mark.parametrize(
    "body",
    [
        b"0" * 10_000_000,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b"\x00" * 1000,
        b"\xff\xfe" * 1000,
        b'{"object":"event","created":1e999}',
        b'{"object":"event","id":"\\ud800","type":"x","created":1,"livemode":true,"data":{"object":{}}}',
        b'{"body":"\\ud800"}',
    ],
    ids=lambda body: repr(body[:8]),
)
def test_monstrous_bodies_get_a_verdict(body: bytes) -> None:
    signed = check_webhook(Captured(body, signed_header(body, NEW, NOW_S)), [NEW], NOW_S)
    assert signed.verdict.valid
    assert not signed.believed
    forged = check_webhook(Captured(body, f"t={NOW_S},v1=0"), [NEW], NOW_S)
    assert forged.verdict.failure is Failure.NO_MATCH


def test_ten_thousand_signatures_are_one_computation() -> None:
    right = signature(SAMPLE, NEW, NOW_S)
    header = f"t={NOW_S}" + ",v1=0" * 10_000 + f",v1={right}"
    assert verify(SAMPLE, header, [OLD, NEW], NOW_S).secret_number == 2


@pytest.mark.parametrize(
    ("header", "failure"),
    [
        (None, Failure.NO_HEADER),
        ("", Failure.NO_HEADER),
        ("v1=abc", Failure.HEADER_UNREADABLE),
        ("t=soon,v1=abc", Failure.HEADER_UNREADABLE),
        ("t=" + "9" * 4300 + ",v1=abc", Failure.HEADER_UNREADABLE),
        (f"t={NOW_S}", Failure.NO_SIGNATURE),
        (f"t={NOW_S},v1=abc", Failure.NO_MATCH),
        (signed_header(SAMPLE, NEW, NOW_S - 301), Failure.TOO_OLD),
        (signed_header(SAMPLE, NEW, NOW_S + 301), Failure.IN_THE_FUTURE),
        (signed_header(SAMPLE, NEW, NOW_S - 300), None),
    ],
)
def test_why_it_is_not_believed(header: str | None, failure: Failure | None) -> None:
    assert verify(SAMPLE, header, [NEW], NOW_S).failure == failure


PRETTY = SAMPLE.rstrip(b"\n")
COMPACT = json.dumps(json.loads(PRETTY), separators=(",", ":")).encode()
UMLAUT = PRETTY.replace(b"requested_by_customer", "zurück é".encode())


@pytest.mark.parametrize(
    ("signed", "found", "words"),
    [
        (PRETTY, COMPACT, "two blanks of indentation"),
        (PRETTY, json.dumps(json.loads(PRETTY)).encode(), "two blanks of indentation"),
        (UMLAUT, json.dumps(json.loads(UMLAUT)).encode(), "two blanks of indentation"),
        (COMPACT, PRETTY, "without blanks"),
        (PRETTY, PRETTY + b"\n", "line end after the body is removed"),
        (SAMPLE, PRETTY, "a line end follows"),
        (PRETTY, PRETTY.replace(b"\n", b"\r\n"), "CRLF line ends become LF"),
        (PRETTY, PRETTY.replace(b"\n", b"\r\n") + b"\r\n", "CRLF line ends become LF and the last one is removed"),
        (PRETTY.replace(b"\n", b"\r\n"), PRETTY, "LF line ends become CRLF"),
        (PRETTY, b"\xef\xbb\xbf" + PRETTY, "byte order mark is removed"),
        (PRETTY, base64.b64encode(PRETTY), "decoded from base64"),
        (PRETTY, json.dumps({"body": PRETTY.decode()}).encode(), "out of the gateway's JSON"),
        (
            PRETTY,
            json.dumps({"body": base64.b64encode(PRETTY).decode(), "isBase64Encoded": True}).encode(),
            "out of the gateway's JSON",
        ),
        (PRETTY, json.dumps(PRETTY.decode()).encode(), "out of its JSON string"),
        (PRETTY, gzip.compress(PRETTY), "compressed with gzip, is decompressed"),
        (PRETTY, gzip.compress(COMPACT), "gzip, is decompressed and its JSON is written with two blanks"),
        (PRETTY, PRETTY.decode().encode("utf-16"), "saved as UTF-16, is UTF-8 again"),
        (PRETTY, PRETTY.decode().encode("utf-16-be"), "saved as UTF-16, is UTF-8 again"),
        (UMLAUT, f"{UMLAUT.decode()}\r\n".encode("utf-16"), "UTF-8 again and the line end after the body is removed"),
        (PRETTY.replace(b"1250", b"12.50"), COMPACT.replace(b"1250", b"12.50"), "two blanks of indentation"),
    ],
)
def test_the_usual_accidents_are_named(signed: bytes, found: bytes, words: str) -> None:
    check = check_webhook(Captured(found, signed_header(signed, NEW, NOW_S)), [OLD, NEW], NOW_S)
    assert not check.believed
    assert words in (check.verifies_when or "")


@pytest.mark.parametrize("written", [bytes, gzip.compress, lambda body: body.decode().encode("utf-16")])
def test_a_changed_amount_is_not_excused(written: Callable[[bytes], bytes]) -> None:
    header = signed_header(SAMPLE, NEW, NOW_S)
    for body in (written(SAMPLE.replace(b"1250", b"9999")), written(SAMPLE.replace(b"1250", b"9999"))[:-7]):
        changed = check_webhook(Captured(body, header), [NEW], NOW_S)
        assert (changed.verdict.failure, changed.verifies_when) == (Failure.NO_MATCH, None)


def test_a_whole_request_is_taken_apart() -> None:
    header = signed_header(SAMPLE, NEW, NOW_S)
    request = b"POST /hooks HTTP/1.1\r\nHost: a\r\nstripe-signature: " + header.encode() + b"\r\n\r\n" + SAMPLE
    assert read_captured(request) == Captured(SAMPLE, header)
    assert read_captured(SAMPLE) == Captured(SAMPLE, None)
    assert signature_in(f"Host: a\nStripe-Signature: {header}\n") == signature_in(f"{header}\n") == header


def test_both_forms_of_event_are_read() -> None:
    snapshot = read_event(SAMPLE)
    assert (snapshot.event_id, snapshot.object_id, snapshot.thin) == ("evt_1SampleRefundUpdated", "re_sample", False)
    thin = read_event(
        json.dumps(
            {
                "id": "evt_test_1",
                "object": "v2.core.event",
                "type": "v1.billing.meter.error_report_triggered",
                "created": "2026-11-24T09:00:00.000Z",
                "livemode": False,
                "related_object": {"id": "mtr_1", "type": "billing.meter"},
            }
        )
    )
    assert (thin.object_id, thin.thin, thin.created_at.isoformat()) == ("mtr_1", True, "2026-11-24T09:00:00+00:00")
