"""A gateway answers in Stripe's place after Stripe carried the request out, or before: nothing is done twice or lost."""

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.crash import Slept, run_billing, start_billing
from support.environment import wire_environment
from support.sleep import let_a_day_pass
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies, add_usage

from .test_money_crash import COMMANDS, STATES, assert_once, money

__all__ = ["money"]
DAY = f"{YESTERDAY:%Y-%m-%d}"
EXPORT = ["--quiet", "export", "--start", DAY, "--end", DAY, "--confirm"]
METER_EVENTS, STREAM = "/v1/billing/meter_events", "/v2/billing/meter_event_stream"
EVENTS = 6
LIES: dict[str, dict[str, object]] = {
    **{f"page {status}": {"lie": "page", "status": status} for status in (200, 401, 403, 404, 408, 502)},
    "json 424": {"lie": "json"},
    "redirect 307": {"lie": "redirect"},
    "conflict 409": {"lie": "conflict"},
    "imitation 400": {"lie": "imitation"},
    "list 200": {"lie": "json", "status": 200, "body": '["a list"]'},
    "nested 200": {"lie": "json", "status": 200, "body": "[" * 100_000},
    "list of errors 400": {"lie": "json", "status": 400, "body": '{"error": ["no"]}'},
    **{lie: {"lie": lie} for lie in ("other", "altered", "empty", "cut")},
}


@pytest.fixture(autouse=True)
def clock(stripe: StripeDouble) -> Iterator[None]:
    yield
    stripe.clock(0)


@pytest.fixture
def usage(sql: Connection, stripe: StripeDouble) -> None:
    stripe.bulk(add_companies(sql, 3), [{"event_name": "api_calls"}])
    for number in range(EVENTS):
        add_usage(sql, f"co_{number % 3 + 1}", "api_calls", number + 1, hour=number)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("lie", LIES)
def test_events_that_stripe_counted_are_not_billed_again_a_day_later(
    lie: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    stripe.fault(kind="gateway", endpoint=METER_EVENTS, commit=True, **LIES[lie])
    assert run_billing(environment, EXPORT) == 5
    states = sql.execute("select distinct state::text from billing_export_items").fetchall()
    assert states == [("sending",)]
    let_a_day_pass(sql, stripe, Slept())
    stripe.heal()
    assert run_billing(environment, EXPORT) == 0
    _assert_counted_once(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("lie", ["page 404", "json 424", "redirect 307", "other", "conflict 409"])
@pytest.mark.parametrize("endpoint", [METER_EVENTS, STREAM])
def test_events_that_never_reached_stripe_go_with_the_next_run(
    endpoint: str, lie: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    command = [*EXPORT, "--backend", "stream"] if endpoint == STREAM else EXPORT
    stripe.fault(kind="gateway", endpoint=endpoint, commit=False, **LIES[lie])
    assert run_billing(environment, command) == 5
    assert stripe.events() == []
    stripe.heal()
    assert run_billing(environment, command) == 0
    _assert_counted_once(sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("endpoint", [METER_EVENTS, STREAM])
def test_a_conflict_after_commit_a_stop_and_a_day_bill_nothing_twice(
    endpoint: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    """A gateway sent a second copy of each request, and SIGTERM came before a third."""
    environment = wire_environment(db_url, stripe.url)
    command = [*EXPORT, "--backend", "stream"] if endpoint == STREAM else EXPORT
    stripe.fault(kind="gateway", endpoint=endpoint, commit=True, lie="conflict")
    process = start_billing(environment, command)
    while not stripe.events():
        assert process.is_alive()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(30)
    assert process.exitcode == 5
    let_a_day_pass(sql, stripe, Slept())
    stripe.heal()
    assert run_billing(environment, command) == 0
    _assert_counted_once(sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("lie", LIES)
def test_a_refund_that_stripe_made_is_found_and_not_made_again(
    lie: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, command = wire_environment(db_url, stripe.url), [*COMMANDS["refund"], "--confirm"]
    stripe.fault(kind="gateway", endpoint="/v1/refunds", method="POST", commit=True, **LIES[lie])
    assert run_billing(environment, command) == 0
    stripe.heal()
    assert run_billing(environment, command) == 4
    assert_once("refund", sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize(
    ("name", "lie"),
    [*((name, "page 404") for name in COMMANDS)]
    + [("refund", lie) for lie in ("json 424", "redirect 307", "other", "imitation 400")],
)
def test_money_that_did_not_move_is_neither_done_nor_refused(
    name: str, lie: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, command = wire_environment(db_url, stripe.url), [*COMMANDS[name], "--confirm"]
    stripe.fault(kind="gateway", endpoint="/v1/", method="POST", commit=False, **LIES[lie])
    assert run_billing(environment, command) == 5
    assert sql.execute("select state::text from billing_intents").fetchall() == [("sending",)]
    assert sql.execute("select count(*) from billing_adjustments").fetchall() == [(0,)]
    stripe.heal()
    assert run_billing(environment, command) == 0
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("usage")
@pytest.mark.parametrize("endpoint", ["/v1/account", "/v1/balance", "/v1/billing/meters"])
@pytest.mark.parametrize("lie", ["other", "list 200", "nested 200", "list of errors 400"])
def test_another_answer_to_a_read_does_not_look_like_an_account_that_got_nothing(
    lie: str, endpoint: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment = wire_environment(db_url, stripe.url)
    assert run_billing(environment, EXPORT) == 0
    stripe.fault(kind="gateway", endpoint=endpoint, method="GET", **LIES[lie])
    assert run_billing(environment, EXPORT) == 75
    _assert_counted_once(sql, stripe)


@pytest.mark.usefixtures("money")
@pytest.mark.parametrize("lie", ["other", "list 200"])
@pytest.mark.parametrize("name", COMMANDS)
def test_another_answer_to_a_read_moves_no_money(
    name: str, lie: str, db_url: str, sql: Connection, stripe: StripeDouble
) -> None:
    environment, command = wire_environment(db_url, stripe.url), [*COMMANDS[name], "--confirm"]
    read = {"refund": "payment_intents", "credit note": "payment_intents", "refund all": "payment_intents"}
    endpoint = "/v1/" + read.get(name, "invoices" if name in STATES else "customers")
    stripe.fault(kind="gateway", endpoint=endpoint, method="GET", **LIES[lie])
    assert run_billing(environment, command) == 75
    stripe.heal()
    assert run_billing(environment, command) == 0
    assert_once(name, sql, stripe)


@pytest.mark.usefixtures("usage", "money_beside")
def test_a_redirect_takes_nothing_elsewhere(db_url: str, sql: Connection, stripe: StripeDouble) -> None:
    environment = wire_environment(db_url, stripe.url)
    with _Elsewhere() as elsewhere:
        stripe.fault(kind="gateway", lie="redirect", location=elsewhere.url, method="POST", endpoint="/v")
        assert run_billing(environment, EXPORT) == 5
        assert run_billing(environment, [*EXPORT, "--backend", "stream"]) == 5
        assert run_billing(environment, [*COMMANDS["refund"], "--confirm"]) == 5
        assert elsewhere.requests == []


@pytest.fixture
def money_beside(stripe: StripeDouble) -> None:
    stripe.payments([{"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd"}])


class _Elsewhere:
    """An address that Stripe's requests do not belong to; `requests` has the path of each that came."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                requests.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "_Elsewhere":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _assert_counted_once(sql: Connection, stripe: StripeDouble) -> None:
    counted = sorted((event["customer"], event["timestamp"], event["value"]) for event in stripe.events())
    assert len(counted) == len(set(counted)) == EVENTS
    assert sum(int(value) for _, _, value in counted) == sum(range(EVENTS + 1))
    states = sql.execute("select distinct state::text from billing_export_items").fetchall()
    assert states == [("accepted",)]
