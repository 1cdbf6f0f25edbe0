"""Where somebody could not be reached, and why, in a word; from addresses and what libraries say of them."""

import re
from urllib.parse import urlsplit

_CAUSES = {
    "connection refused": r"refused",
    "name not found": r"name or service not known|name resolution|nodename nor servname|failed to resolve|"
    r"could not translate|no address associated",
    "connection closed": r"closed (the connection )?unexpectedly|EOF detected|connection reset",
    "TLS failed": r"certificate|\bssl\b|SSLError",
    "timed out": r"time[d -]*out|timeout",
    "no route": r"unreachable|no route",
}


def cause(said: str) -> str:
    """Empty where it is none of the usual."""
    return next((word for word, sign in _CAUSES.items() if re.search(sign, said, re.IGNORECASE)), "")


def host_and_port(address: str) -> str:
    """Of an address, without names and passwords; empty where it has none."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 5432)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""


def not_reached(who: str, place: str, said: str) -> str:
    """The sentence: `The database cannot be reached at 127.0.0.1:1 (connection refused).`"""
    why = cause(said)
    return f"{who} cannot be reached{f' at {place}' if place else ''}{f' ({why})' if why else ''}."
