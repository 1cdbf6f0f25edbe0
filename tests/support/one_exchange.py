"""One event in the hands of a sender, beside a Stripe that answers as a script says, over a socket on loopback."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from support.permits import lasting

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.permit import Permit
from billing_cli.domain.ports import UsageSender

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
EVENT = MeterEvent(
    item_id=7,
    identifier="exp_1-7",
    event_name="storage_gb",
    customer_key="cust",
    stripe_customer_id="cus_1",
    value_key="gb",
    value="0.1",
    timestamp=1_790_000_000,
    attempts=2,
    maybe_sent=False,
)
# Instead of an answer: the connection is reset, or ends within one.
RESET, CUT = "reset", "cut"
# A status, with a body of its own: text as it is, or a document.
Answer = int | str | tuple[int, Any]


class Exchange:
    """What was asked at `path`, and what came of it; the last answer of the script is repeated."""

    def __init__(
        self,
        sender: Callable[[StripeConnection, Permit], UsageSender],
        success: Callable[[MeterEvent], dict[str, Any]],
        path: str,
        event: MeterEvent,
        *script: Answer,
    ) -> None:
        self.headers: list[dict[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self._script: Iterator[Answer] = iter(script)
        self._last = script[-1]
        self._success = success(event)
        self.result: SendResult = asyncio.run(self._run(sender, path, event))

    @property
    def keys(self) -> list[str]:
        """The idempotency key of each try."""
        return [headers["Idempotency-Key"] for headers in self.headers]

    async def _run(
        self, make_sender: Callable[[StripeConnection, Permit], UsageSender], path: str, event: MeterEvent
    ) -> SendResult:
        app = web.Application()
        app.router.add_post(path, self._answer)
        async with TestServer(app) as server:
            sender = make_sender(StripeConnection(KEY, api_base=str(server.make_url("")).rstrip("/")), lasting())
            try:
                return (await sender.send([event]))[0]
            finally:
                await sender.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        answer = next(self._script, self._last)
        if answer == RESET:
            return reset(request)
        if answer == CUT:
            return await _cut(request)
        status, body = answer if isinstance(answer, tuple) else (int(answer), None)
        if body is None:
            body = self._success if status == 200 else error("No.")
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers={"Request-Id": f"req_{len(self.headers)}"})


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message, "code": code}}


def reset(request: web.Request) -> web.Response:
    """Nothing comes back any more; what is returned goes nowhere."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response
