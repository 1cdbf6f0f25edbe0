"""Invoice PDFs: links that expire, a redirect, and everything that can be wrong with a download."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from aiohttp import web

from billing_cli.domain.money import Money
from billing_cli.sandbox.simulator.pdf_document import pdf
from billing_cli.sandbox.simulator.replies import Call, Refusal
from billing_cli.sandbox.simulator.state import State

PATH = "/_pdf/"
GOOD_FOR_MS = 60_000
FAULTS = ("html", "huge", "truncated", "foreign_redirect", "loop", "slow", "500")
FOREIGN_ADDRESS = "https://pay.stripe.com.example.invalid/invoice.pdf"
HUGE_BYTES = 200 * 1024 * 1024
CHUNK = b"0" * (256 * 1024)
SLOW_PAUSE_S = 0.5
SLOW_BYTES = 4


def pdf_link(call: Call, invoice_id: str) -> str:
    """Another one for each retrieval; good for a minute of the simulator's clock."""
    issued = f"{int(call.now_s * 1000):x}-{secrets.token_hex(4)}"
    return f"http://{call.host}{PATH}{invoice_id}/{issued}-{_seal(invoice_id, issued)}"


def _seal(invoice_id: str, issued: str) -> str:
    """Links survive a restart because this needs no memory; it keeps nobody out who reads the code."""
    return hashlib.sha256(f"{invoice_id} {issued}".encode()).hexdigest()[:12]


async def serve(state: State, request: web.BaseRequest) -> web.StreamResponse:
    """A redirect first, then the file. Raises nothing: refusals are plain text, as from a file host."""
    parts = request.path.removeprefix(PATH).split("/")
    if (problem := _problem(state, request, parts)) is not None:
        return problem
    fault = fault_of(state, parts[0])
    if len(parts) == 2 or fault == "loop":
        return web.Response(status=302, headers={"Location": _next(request, fault)})
    body = pdf(_lines(state, state.objects("invoice")[parts[0]]))
    return await _delivered(request, body, fault)


def set_fault(state: State, invoice_id: str, fault: str | None) -> None:
    """For one invoice, or for all with `*`; None ends it. Raises Refusal."""
    if fault is not None and fault not in FAULTS:
        raise Refusal(400, f"Unknown PDF fault {fault!r}: use one of {', '.join(FAULTS)}, or null.")
    state.put("pdf_fault", {"id": invoice_id, "fault": fault}, state.now_s())


def fault_of(state: State, invoice_id: str) -> str | None:
    found = state.objects("pdf_fault")
    fault: str | None = found.get(invoice_id, {}).get("fault") or found.get("*", {}).get("fault")
    return fault


def _problem(state: State, request: web.BaseRequest, parts: list[str]) -> web.Response | None:
    if "Authorization" in request.headers:
        return web.Response(status=400, text="An API key has no business here.")
    if request.method != "GET" or len(parts) not in (2, 3) or parts[2:] not in ([], ["file"]):
        return web.Response(status=404, text="There is nothing here.")
    if parts[0] not in state.objects("invoice"):
        return web.Response(status=404, text="There is no such invoice.")
    if not _is_good(parts[0], parts[1], state.now_s()):
        return web.Response(status=403, text="This link has expired.")
    return None


def _is_good(invoice_id: str, token: str, now_s: float) -> bool:
    issued, _, seal = token.rpartition("-")
    if seal != _seal(invoice_id, issued):
        return False
    return now_s * 1000 - int(issued.partition("-")[0], 16) <= GOOD_FOR_MS


def _next(request: web.BaseRequest, fault: str | None) -> str:
    if fault == "foreign_redirect":
        return FOREIGN_ADDRESS
    return request.path if fault == "loop" else f"{request.path}/file"


def _lines(state: State, invoice: dict[str, Any]) -> list[str]:
    customer = state.contents.customers.get(invoice["customer"], {})
    lines = [f"Invoice {invoice['number']}", f"{customer.get('name') or ''} {invoice['customer']}".strip(), ""]
    lines += [f"{line['description'] or ''}: {_text(invoice, line['amount'])}" for line in invoice["lines"]["data"]]
    return [
        *lines,
        "",
        f"Total {_text(invoice, invoice['total'])}",
        f"Due {_text(invoice, invoice['amount_remaining'])}",
    ]


def _text(invoice: dict[str, Any], amount_minor: int) -> str:
    return Money(amount_minor, invoice["currency"]).text


async def _delivered(request: web.BaseRequest, body: bytes, fault: str | None) -> web.StreamResponse:
    if fault == "500":
        return web.Response(status=500, text="Something went wrong.")
    if fault == "html":
        return web.Response(text="<html><body>Please sign in.</body></html>", content_type="text/html")
    if fault == "truncated":
        body = body[: len(body) // 2]
    if fault not in ("huge", "slow"):
        return web.Response(body=body, content_type="application/pdf")
    return await _streamed(request, _huge(body) if fault == "huge" else _slow(body))


async def _streamed(request: web.BaseRequest, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/pdf"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    # A careful client hangs up.
    with suppress(ConnectionResetError):
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    return response


async def _huge(body: bytes) -> AsyncIterator[bytes]:
    yield body
    for _ in range(HUGE_BYTES // len(CHUNK)):
        yield CHUNK


async def _slow(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), SLOW_BYTES):
        yield body[start : start + SLOW_BYTES]
        await asyncio.sleep(SLOW_PAUSE_S)
