"""Talking to a running simulator's control side (/_sandbox)."""

import json
import urllib.error
import urllib.request
from typing import Any

from billing_cli.domain.errors import BadInput, Unavailable

TIMEOUT_S = 60


def ask(stripe_url: str, method: str, path: str, wish: Any = None) -> Any:
    """One control call; its decoded answer. Raises BadInput with the simulator's own sentence."""
    body = None if wish is None else json.dumps(wish).encode()
    request = urllib.request.Request(f"{stripe_url}/_sandbox/{path}", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sentence = json.loads(error.read() or b"{}").get("error", f"HTTP {error.code}")
        raise BadInput(sentence, "See billing sandbox fault --help.") from None
    except OSError:
        raise Unavailable(f"The Stripe simulator at {stripe_url} does not answer.", "Run billing sandbox up.") from None
