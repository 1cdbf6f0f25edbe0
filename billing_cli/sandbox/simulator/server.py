"""From an HTTP request to an answer: key, limits, faults, idempotency, then the account."""

import asyncio
import itertools
import socket
import struct
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from email.utils import formatdate

from aiohttp import web

from billing_cli.sandbox.simulator import control, idempotency, invoice_pdf
from billing_cli.sandbox.simulator.faults import Fault, Faults, Kind
from billing_cli.sandbox.simulator.gateway import answer_as_gateway
from billing_cli.sandbox.simulator.limits import METER_EVENTS, OneAtATime, RateLimit, too_many
from billing_cli.sandbox.simulator.meter_event_stream import STREAM, session_of
from billing_cli.sandbox.simulator.meter_events import customer_of
from billing_cli.sandbox.simulator.permissions import check_permissions
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, encode, read_form, read_json
from billing_cli.sandbox.simulator.routes import answer
from billing_cli.sandbox.simulator.state import LogLine, State

KEY_STARTS = ("sk_test_", "sk_live_", "rk_test_", "rk_live_")


class Simulator:
    def __init__(self, state: State) -> None:
        self.state = state
        self.faults = Faults()
        self._rates = RateLimit()
        self._customers = OneAtATime()
        self._keys = OneAtATime()
        self._numbers = itertools.count(1)
        self._unheard: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # Not request.read(), which takes a megabyte at most: the operator's bulk data is larger.
        body = await request.content.read()
        if request.path.startswith("/_sandbox"):
            return control.respond(self.state, self.faults, request, body)
        if request.path.startswith(invoice_pdf.PATH):
            return await self._serve_pdf(request)
        call = self._read(request, body)
        try:
            reply, dropped = await self._answer(request, call, body)
        except Refusal as refusal:
            reply, dropped = refusal.reply(), None
        self.state.journal.flush()
        self._log(call, 0 if dropped else reply.status, request.headers.get("Idempotency-Key"))
        if dropped:
            _drop(request, reset=dropped == "reset")
        if reply.cut:
            return await _cut(request, reply)
        return web.Response(body=reply.body, status=reply.status, headers=self._headers(reply))

    def _headers(self, reply: Reply) -> dict[str, str]:
        stripes = {
            # Its clock can be shifted, and a comparison of clocks must show that.
            "Date": formatdate(self.state.now_s(), usegmt=True),
            "Request-Id": f"req_sandbox{next(self._numbers):010d}",
        }
        return {"Content-Type": "application/json", **(stripes if reply.stripes else {}), **reply.headers}

    def _read(self, request: web.BaseRequest, body: bytes) -> Call:
        form = read_form(request.query_string)
        call = Call(request.method, request.path, form, False, self.state.now_s(), request.host)
        call.version = request.headers.get("Stripe-Version", "")
        if call.path.startswith("/v2/"):
            call.document = read_json(body)
        else:
            form.update(read_form(body.decode("utf-8", "replace")))
        return call

    async def _answer(self, request: web.BaseRequest, call: Call, body: bytes) -> tuple[Reply, str | None]:
        """The reply, and whether the caller gets to see it: None, `lost_reply` or `reset`."""
        call.livemode = self._is_live(request, call)
        self._rates.check(self.state, call)
        key = request.headers.get("Idempotency-Key", "") if call.method == "POST" else ""
        idempotency.check_key(key)
        faults = self.faults.strike(call.method, call.path)
        kinds = {fault.kind: fault for fault in faults}
        if "double" in kinds:
            first = asyncio.ensure_future(self._arrive_unheard(replace(call), key, body, faults))
            self._unheard.add(first)
            first.add_done_callback(self._unheard.discard)
            await asyncio.sleep(0)  # The first copy begins.
        reply = await self._arrive(call, key, body, faults)
        dropped = next((kind for kind in ("reset", "lost_reply") if kind in kinds), None)
        return reply, dropped

    async def _arrive(self, call: Call, key: str, body: bytes, faults: list[Fault]) -> Reply:
        """Stripe's answer to one copy of a request, or a gateway's. Copies under one key exclude each other."""
        kinds = {fault.kind: fault for fault in faults}
        with ExitStack() as held:
            held.enter_context(self._keys.hold(key, "This idempotency key is in use."))
            if call.path == METER_EVENTS and self.state.settings.serial:
                name = f"{customer_of(self.state, call)} {call.params.get('event_name')}"
                held.enter_context(
                    self._customers.hold(name, "Another request for this customer and meter is in flight.")
                )
            if "delay" in kinds:
                await asyncio.sleep(_delay_s(faults))
                call.now_s = self.state.now_s()
            if "reset" in kinds:
                return Reply(500, b"")
            return self._answered(call, key, body, kinds)

    async def _arrive_unheard(self, call: Call, key: str, body: bytes, faults: list[Fault]) -> None:
        """The first of two copies: the caller gets the answer to the other one."""
        with suppress(Refusal):
            await self._arrive(call, key, body, faults)
        self.state.journal.flush()

    def _answered(self, call: Call, key: str, body: bytes, kinds: Mapping[Kind, Fault]) -> Reply:
        """Stripe's answer, or that of a gateway in its place."""
        gateway = kinds.get("gateway")
        if gateway is None:
            return self._once(call, key, body, kinds.get("status"))
        reply = Reply(200, b"{}")
        if gateway.commit:
            with suppress(Refusal):
                reply = self._once(call, key, body, kinds.get("status"))
        return answer_as_gateway(gateway, call, reply)

    def _is_live(self, request: web.BaseRequest, call: Call) -> bool:
        """What the key, or on the stream the session, is good for. Raises Refusal where it is not good for the call."""
        key = _key(request)
        if request.path == STREAM:
            return session_of(self.state, key).livemode
        _check_key(key)
        check_permissions(self.state, call, key)
        return key[3:8] == "live_"

    async def _serve_pdf(self, request: web.BaseRequest) -> web.StreamResponse:
        """No part of the API: no key and no idempotency, but delays, statuses and broken connections all the same."""
        faults = self.faults.strike(request.method, request.path)
        kinds = {fault.kind: fault for fault in faults}
        await asyncio.sleep(_delay_s(faults))
        self._log(Call(request.method, request.path, {}, False, self.state.now_s()), 0)
        if "reset" in kinds or "lost_reply" in kinds:
            _drop(request, reset="reset" in kinds)
        if failure := kinds.get("status"):
            return web.Response(status=failure.status, text="Sandbox fault.")
        return await invoice_pdf.serve(self.state, request)

    def _once(self, call: Call, key: str, body: bytes, fault: Fault | None) -> Reply:
        """Carry the call out, or give the stored answer again; version 2 carries a failed call out anew."""
        if not key:
            return self._execute(call, fault)
        fingerprint = idempotency.fingerprint_of(call, body)
        if stored := idempotency.stored_reply(self.state, call, key, fingerprint):
            return stored
        reply = self._execute(call, fault)
        if reply.stored and (reply.status < 300 or not call.path.startswith("/v2/")):
            idempotency.store_reply(self.state, call, key, fingerprint, reply)
        return reply

    def _execute(self, call: Call, fault: Fault | None) -> Reply:
        if fault is None:
            return answer(self.state, call)
        if fault.commit:
            answer(self.state, call)
        return _failure(call, fault)

    def _log(self, call: Call, status: int, key: str | None = None) -> None:
        self.state.request_count += 1
        events = len(call.document["events"]) if call.path == STREAM and status == 200 else None
        self.state.log.append(
            LogLine(call.method, call.path, status, call.now_s, call.params.get("identifier"), events, key)
        )


def _key(request: web.BaseRequest) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        import base64

        key = base64.b64decode(key).decode("utf-8", "replace").rstrip(":")
    if not key:
        raise Refusal(401, "You did not provide an API key.")
    return key


def _check_key(key: str) -> None:
    if not key.startswith(KEY_STARTS) or "invalid" in key:
        raise Refusal(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")
    if "noperm" in key:
        raise Refusal(403, "The provided key does not have the required permissions for this endpoint.")


def _delay_s(faults: list[Fault]) -> float:
    return sum(fault.delay_s for fault in faults if fault.kind == "delay")


def _failure(call: Call, fault: Fault) -> Reply:
    if fault.status == 429:
        refusal = too_many(call, fault.reason) if fault.reason else _locked()
        return replace(refusal.reply(), stored=fault.stored)
    kind = "api_error" if fault.status >= 500 else "invalid_request_error"
    error = {"message": "An error occurred (sandbox fault).", "type": kind}
    return Reply(fault.status, encode({"error": error}), stored=fault.stored)


def _locked() -> Refusal:
    """The 429 that is no limit: another request holds the object. It says so by the absence of a reason."""
    return Refusal(
        429,
        "This object cannot be accessed right now because another API request is accessing it.",
        code="lock_timeout",
    )


async def _cut(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """The first half of an answer, and then the end of the connection."""
    response = web.StreamResponse(status=reply.status, headers={"Content-Length": str(len(reply.body) + 1)})
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    _drop(request, reset=False)
    return response


def _drop(request: web.BaseRequest, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if reset and raw is not None:
        # Zero linger makes the kernel send RST instead of an orderly end.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
