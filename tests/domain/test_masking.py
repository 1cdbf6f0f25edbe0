"""Personal data and secrets are taken out of free text, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.masking import holds_secret, masked, masked_person, without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no account for jana@example.org.", "no account for [e-mail]."),
        ("<Jana.Novak+x@mail.example.co.uk>", "<[e-mail]>"),
        ("žofie@příklad.cz", "[e-mail]"),
        ("card 4242 4242 4242 4242 was declined", "card [card] was declined"),
        ("card 4242-4242-4242-4242", "card [card]"),
        ("378282246310005", "[card]"),
        ("Invalid API Key provided: sk_test_****dc7d", "Invalid API Key provided: [secret]"),
        ("whsec_abc/def+g= rk_live_1 sb_secret_x_1", "[secret] [secret] [secret]"),
        ("Bearer eyJhbGciOi.eyJzdWIi.sig-_x", "Bearer [secret]"),
        ("postgresql://postgres:hunter2@db.example.net/x", "postgresql://[secret]/x"),
        ('{"url":"https://a:b@c","next":"d"}', '{"url":"https://[secret]","next":"d"}'),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn+/=\n-----END OPENSSH PRIVATE KEY-----.", "[secret]."),
        ('{"key":"-----BEGIN PRIVATE KEY-----\\nMIIB","b":1}', '{"key":"[secret]","b":1}'),
    ],
)
def test_what_is_nobodys_business_is_replaced(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4241",
        "exp_20261124_023802_d76c4e40",
        "2026-11-24T02:38:02.071244+00:00",
        "pi_3PqXyZ2eZvKYlo2C1a2b3c4d",
        "1234567890.123456",
        "Outage on 3 November @ noon",
        "sk_tests and whsec",
        "pk_test_51HxX",
        '{"url":"https://a.net/","mail":[],"at":"@"}',
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert masked(text) == text


def test_people_stay_apart_without_their_addresses() -> None:
    assert masked_person("ana@example.org") == "ana@…"
    assert masked_person("ana") == "ana"
    assert masked_person("nightly job on host-1") == "nightly job on host-1"


@given(st.from_regex(r"\A[a-z0-9.+_-]{1,20}@[a-z0-9-]{1,20}\.[a-z]{2,10}\Z"), st.text(max_size=20))
def test_an_address_never_survives(address: str, beside: str) -> None:
    assert address not in masked(f"{beside} {address} {beside}")
    assert address not in masked_person(address)


@given(st.text(min_size=6, max_size=30), st.sampled_from(["", "x", "://", "\n"]))
def test_a_known_secret_is_replaced_however_it_looks(secret: str, beside: str) -> None:
    text = f"{beside}{secret}{beside}"
    assert holds_secret(text, frozenset({secret})) or secret in "[secret]"
    assert without_secrets(text, frozenset({secret})) == f"{beside}[secret]{beside}"


def test_the_longest_known_secret_goes_first() -> None:
    assert without_secrets("longer-secret", frozenset({"secret", "longer-secret"})) == "[secret]"
