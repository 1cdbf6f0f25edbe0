"""The downloader asks Stripe's hosts only, and shows nobody a key."""

import httpx
import pytest

from billing_cli.adapters.stripe.invoice_pdf import HttpPdfFetcher
from billing_cli.domain.errors import FoundWrong, Unavailable

PDF = b"%PDF-1.4 x %%EOF"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.invoice_pdf._TRIES", 1)


def fetcher(answers: dict[str, httpx.Response], seen: list[httpx.Request]) -> HttpPdfFetcher:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[str(request.url)]

    return HttpPdfFetcher(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("host", ["stripe.com", "pay.stripe.com", "files.stripe.com:443"])
def test_stripes_hosts_are_asked_without_a_key(host: str) -> None:
    seen: list[httpx.Request] = []
    url = str(httpx.URL(f"https://{host}/a.pdf"))
    assert fetcher({url: httpx.Response(200, content=PDF)}, seen).fetch(url) == PDF
    assert not {"authorization", "cookie", "stripe-version"} & seen[0].headers.keys()


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.stripe.com/a.pdf",
        "https://evilstripe.com/a.pdf",
        "https://stripe.com.evil.test/a.pdf",
        "https://pay.stripe.com@evil.test/a.pdf",
        "https://user:pw@pay.stripe.com/a.pdf",
        "https://evil.test/stripe.com",
        "https://127.0.0.1/a.pdf",
        "http://127.0.0.1/a.pdf",
        "https://ｓtripe.com.evil.test/",
        "file:///etc/passwd",
        "ftp://stripe.com/a",
        "//stripe.com/a",
        "https://[bad",
        "",
    ],
)
def test_no_other_address_is_asked_not_even_after_a_redirect(url: str) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(FoundWrong):
        fetcher({}, seen).fetch(url)
    assert seen == []
    if url and not url.startswith("//"):
        first = "https://pay.stripe.com/a.pdf"
        redirect = httpx.Response(302, headers=[(b"Location", url.encode())])
        with pytest.raises((FoundWrong, Unavailable)):
            fetcher({first: redirect}, seen).fetch(first)
        assert {str(request.url) for request in seen} == {first}


def test_a_redirect_within_stripe_is_followed() -> None:
    seen: list[httpx.Request] = []
    answers = {
        "https://pay.stripe.com/a": httpx.Response(302, headers={"Location": "/b"}),
        "https://pay.stripe.com/b": httpx.Response(307, headers={"Location": "https://files.stripe.com/c"}),
        "https://files.stripe.com/c": httpx.Response(200, content=PDF),
    }
    assert fetcher(answers, seen).fetch("https://pay.stripe.com/a") == PDF
    assert len(seen) == 3


@pytest.mark.parametrize("content", [b"", b"%PD", b"<html>", b"x%PDF-1.4 %%EOF"])
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    url = "https://pay.stripe.com/a"
    with pytest.raises(FoundWrong):
        fetcher({url: httpx.Response(200, content=content)}, []).fetch(url)
