"""Downloads PDFs: no key goes along, only Stripe's hosts are asked, and only a whole PDF comes back."""

from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from billing_cli.domain.errors import FoundWrong, Unavailable
from billing_cli.domain.invoice_file import LinkExpired

_MAX_BYTES = 25 * 1024 * 1024
_MAX_REDIRECTS = 5
_TRIES = 4
_TIMEOUT_S = 30
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EXPIRED = (401, 403, 404, 410)


class HttpPdfFetcher:
    """A client of its own: what is set for the API cannot leak here. `allow_loopback` is for the sandbox."""

    def __init__(self, *, allow_loopback: bool = False, transport: httpx.BaseTransport | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._http = httpx.Client(
            timeout=_TIMEOUT_S, follow_redirects=False, transport=transport, headers={"User-Agent": "billing"}
        )

    def fetch(self, url: str) -> bytes:
        """Raises FoundWrong for what is no PDF or leads astray, LinkExpired, or Unavailable after four tries."""
        return Retrying(
            retry=retry_if_exception(lambda error: type(error) is Unavailable),
            wait=wait_random_exponential(multiplier=0.3, max=5),
            stop=stop_after_attempt(_TRIES),
            reraise=True,
        )(self._follow, url)

    def _follow(self, url: str) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_host(url)
            try:
                with self._http.stream("GET", url) as response:
                    if not response.is_redirect:
                        return _pdf(response)
                    url = urljoin(url, response.headers["Location"])
            except httpx.HTTPError as error:
                raise Unavailable(f"The PDF could not be fetched: {type(error).__name__}.") from None
            except ValueError:
                raise FoundWrong("The PDF's link leads to what is no address.") from None
        raise FoundWrong(f"The PDF's link leads through more than {_MAX_REDIRECTS} redirects.")

    def _check_host(self, url: str) -> None:
        """Before every request: an address that is not Stripe's is not even looked up."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise FoundWrong("The PDF's link is no address.") from None
        if parts.scheme == "http" and host in _LOOPBACK and self._allow_loopback:
            return
        stripes = host == "stripe.com" or host.endswith(".stripe.com")
        if parts.scheme != "https" or not stripes or parts.username is not None:
            raise FoundWrong(
                f"The PDF's link leads to {parts.scheme}://{host}, which is not Stripe; it was not opened."
            )


def _pdf(response: httpx.Response) -> bytes:
    if response.status_code in _EXPIRED:
        raise LinkExpired(f"The PDF's link does not work any more ({response.status_code}).")
    if response.status_code != httpx.codes.OK:
        raise Unavailable(f"The PDF's host answered {response.status_code}.")
    content = bytearray()
    for chunk in response.iter_bytes():
        if not content and not chunk.startswith(b"%PDF-"[: len(chunk)]):
            raise FoundWrong("What came instead of a PDF is none.")
        content += chunk
        if len(content) > _MAX_BYTES:
            raise FoundWrong(f"The PDF is larger than {_MAX_BYTES // 1024 // 1024} MB.")
    if not content.startswith(b"%PDF-"):
        raise FoundWrong("What came instead of a PDF is none.")
    if b"%%EOF" not in content[-1024:]:
        raise Unavailable("The PDF ended in the middle.")
    return bytes(content)
