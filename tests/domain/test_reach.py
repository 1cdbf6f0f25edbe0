"""Where somebody could not be reached, and why."""

import pytest

from billing_cli.domain.reach import host_and_port, not_reached


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[Errno 111] Connection refused", " (connection refused)"),
        ("failed to resolve host 'x': [Errno -2] Name or service not known", " (name not found)"),
        ("connection timeout expired", " (timed out)"),
        ("ConnectTimeout timed out", " (timed out)"),
        ("SSL connection has been closed unexpectedly", " (connection closed)"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", " (TLS failed)"),
        ("something else", ""),
    ],
)
def test_the_cause_is_told_in_a_word(said: str, why: str) -> None:
    assert not_reached("Stripe", "", said) == f"Stripe cannot be reached{why}."


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("postgresql://u:s3cret@db.test/x", "db.test:5432"),
        ("postgresql://u:s3cret@db.test:6543/x", "db.test:6543"),
        ("https://p.supabase.co", "p.supabase.co:443"),
        ("postgresql://u:s3cret@one:1,two:2/x", ""),
        ("postgresql:///x", ""),
    ],
)
def test_a_place_has_no_name_and_no_password(address: str, place: str) -> None:
    assert host_and_port(address) == place
