"""httpx requests that look at a permit when their connection is there: before their headers, and before their body.

httpcore writes the two apart. A request without its body is incomplete, and no server carries it out.

httpcore reports each step of a request to the `trace` extension, and an error raised there ends the request before the
step: https://www.encode.io/httpcore/extensions/#trace.
"""

from collections.abc import Callable, Mapping
from typing import Any

from billing_cli.domain.permit import Permit

_BEFORE_BYTES = ("send_request_headers.started", "send_request_body.started")


def under(permit: Permit) -> dict[str, Any]:
    """The extensions of a request that may be sent under this permit only. Raises PermitExpired at once, or there."""
    permit.check()
    return {"trace": _looking_at(permit)}


def _looking_at(permit: Permit) -> Callable[[str, Mapping[str, Any]], None]:
    def trace(step: str, _: Mapping[str, Any]) -> None:
        if step.endswith(_BEFORE_BYTES):
            permit.check()

    return trace
