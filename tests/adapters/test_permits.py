"""No sender writes without a permit: the permit is broken in every one, and no byte of a request arrives."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from support.one_exchange import EVENT, KEY
from support.permits import expired, lasting

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.event_canceller import StripeEventCanceller
from billing_cli.adapters.stripe.event_resender import StripeEventResender
from billing_cli.adapters.stripe.meter_events import StripeMeterEventSender
from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
from billing_cli.adapters.stripe.money_mover import StripeMoneyMover
from billing_cli.adapters.stripe.usage_records import StripeUsageRecordSender
from billing_cli.adapters.webhook_poster import HttpEventPoster
from billing_cli.domain.batch import Outcome
from billing_cli.domain.errors import Fault
from billing_cli.domain.intent import Intent, IntentKind, IntentState
from billing_cli.domain.money import Money
from billing_cli.domain.permit import Permit, PermitExpired
from billing_cli.domain.ports import UsageSender
from billing_cli.domain.replay import ReplayEvent

pytestmark = pytest.mark.usefixtures("no_waiting", "one_try")
ANSWER = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nRequest-Id: req_1\r\n\r\n{}"


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.money_mover._TRIES", 1)


@dataclass
class Listener:
    """Takes connections and answers every request with a 500; `received` is all that came. `gone`: a caller hung up."""

    url: str = ""
    connections: int = 0
    received: list[bytes] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with _listening() as found:
        yield found


@contextmanager
def _listening() -> Iterator[Listener]:
    listener = Listener()
    server = socket.create_server(("127.0.0.1", 0))
    listener.url = f"http://127.0.0.1:{server.getsockname()[1]}"
    threading.Thread(target=_serve, args=(server, listener), daemon=True).start()
    yield listener
    server.close()


def _serve(server: socket.socket, listener: Listener) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        listener.connections += 1
        threading.Thread(target=_answer, args=(connection, listener), daemon=True).start()


def _answer(connection: socket.socket, listener: Listener) -> None:
    # A caller that hangs up within its request may reset the connection.
    with connection, suppress(OSError):
        while data := connection.recv(65536):
            listener.received.append(data)
            if data.startswith(b"POST"):
                connection.sendall(ANSWER)
    listener.gone.set()


def connection_to(listener: Listener) -> StripeConnection:
    return StripeConnection(KEY, api_base=listener.url, meter_events_base=listener.url)


def intent(kind: IntentKind) -> Intent:
    requests: dict[IntentKind, dict[str, object]] = {
        IntentKind.REFUND: {"payment_intent": "pi_1", "amount": 5},
        IntentKind.CREDIT_NOTE: {"invoice": "in_1", "amount": 5},
        IntentKind.INVOICE_ITEM: {"customer": "cus_1", "amount": 5, "currency": "usd"},
        IntentKind.BALANCE: {"customer": "cus_1", "amount": 5, "currency": "usd"},
        IntentKind.MARK_PAID: {"invoice": "in_1", "paid_out_of_band": True},
        IntentKind.CREDIT_GRANT: {"customer": "cus_1", "category": "promotional"},
        IntentKind.VOID_INVOICE: {"invoice": "in_1"},
        IntentKind.MARK_UNCOLLECTIBLE: {"invoice": "in_1"},
    }
    values = dict.fromkeys(Intent.__dataclass_fields__)
    values |= {"intent_id": "int_1", "kind": kind, "request": requests[kind], "state": IntentState.SENDING}
    values |= {"subject": "pi_1", "company_id": "co_1", "money": Money(5, "usd")}
    return Intent(**values)  # type: ignore[arg-type]


def usage(make: Callable[[StripeConnection, Permit], UsageSender]) -> Callable[[Listener, Permit], None]:
    async def run(listener: Listener, permit: Permit) -> None:
        sender = make(connection_to(listener), permit)
        try:
            (result,) = await sender.send([replace(EVENT, value="5", subscription_item="si_1")])
        finally:
            await sender.close()
        if "stopped sending" in (result.error or ""):
            assert result.outcome is Outcome.UNSENT
            raise PermitExpired(str(result.error))

    return lambda listener, permit: asyncio.run(run(listener, permit))


def money(kind: IntentKind) -> Callable[[Listener, Permit], None]:
    def send(listener: Listener, permit: Permit) -> None:
        StripeMoneyMover(connection_to(listener)).send(intent(kind), permit, lambda: None)

    return send


def resend(listener: Listener, permit: Permit) -> None:
    StripeEventResender(connection_to(listener), "we_1").post(ReplayEvent(1, "evt_1", "a", "b"), "{}", permit)


def replay(listener: Listener, permit: Permit) -> None:
    HttpEventPoster(listener.url, "whsec_1").post(ReplayEvent(1, "evt_1", "a", "b"), "{}", permit)


SENDERS: dict[str, Callable[[Listener, Permit], None]] = {
    "events": usage(StripeMeterEventSender),
    "stream": usage(StripeMeterStreamSender),
    "usage records": usage(StripeUsageRecordSender),
    "cancellations": usage(StripeEventCanceller),
    **{f"money: {kind.value}": money(kind) for kind in IntentKind},
    "resend": resend,
    "replay": replay,
}


@pytest.mark.parametrize("name", SENDERS)
def test_with_a_permit_the_request_arrives(name: str, listener: Listener) -> None:
    SENDERS[name](listener, lasting())
    assert any(data.startswith(b"POST ") for data in listener.received)


@pytest.mark.parametrize("name", SENDERS)
def test_without_a_permit_no_connection_is_made(name: str, listener: Listener) -> None:
    with pytest.raises(PermitExpired):
        SENDERS[name](listener, expired())
    assert (listener.connections, listener.received) == (0, [])


OVER_AIOHTTP = ("events", "stream", "usage records", "cancellations")


@pytest.mark.parametrize(
    ("name", "looks"), [(name, looks) for name in SENDERS for looks in ((1, 2) if name in OVER_AIOHTTP else (1,))]
)
def test_a_permit_that_ends_while_the_connection_is_made_stops_the_request(
    name: str, looks: int, listener: Listener
) -> None:
    """It holds when the request begins, and is over when nothing but writing is left to do."""
    readings = iter([0.0] * looks)
    permit = Permit(lambda: (next(readings, 2.0),))
    permit.renew((0.0,), 1.0)
    with pytest.raises(PermitExpired):
        SENDERS[name](listener, permit)
    assert listener.gone.wait(30)
    assert (listener.connections, listener.received) == (1, [])


@pytest.mark.parametrize("name", [name for name in SENDERS if name not in OVER_AIOHTTP])
def test_a_permit_that_ends_between_headers_and_body_leaves_a_request_without_its_body(
    name: str, listener: Listener
) -> None:
    """It holds when the request begins and before its headers. A request without its body is never carried out."""
    readings = iter([0.0, 0.0])
    permit = Permit(lambda: (next(readings, 2.0),))
    permit.renew((0.0,), 1.0)
    with pytest.raises(PermitExpired):
        SENDERS[name](listener, permit)
    assert listener.gone.wait(30)
    head, _, body = b"".join(listener.received).partition(b"\r\n\r\n")
    assert (head[:5], body) == (b"POST ", b"")


def test_a_later_try_needs_a_permit_too(listener: Listener) -> None:
    """The first try is answered with a 500; before the second the permit runs out."""

    async def run() -> Outcome:
        # The last look at it that the first try takes is the third.
        looks = iter([0.0, 0.0, 0.0])
        permit = Permit(lambda: (next(looks, 2.0),))
        permit.renew((0.0,), 1.0)
        sender = StripeMeterEventSender(connection_to(listener), permit)
        try:
            (result,) = await sender.send([EVENT])
        finally:
            await sender.close()
        return result.outcome

    assert asyncio.run(run()) is Outcome.UNKNOWN
    assert sum(data.startswith(b"POST ") for data in listener.received) == 1


@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_reader_refuses_to_write(method: str, listener: Listener) -> None:
    with pytest.raises(Fault, match="without a permit"):
        connection_to(listener).reader().raw_request(method, "/v1/refunds")
    assert listener.connections == 0
