"""Cancelling meter events: once, within a day of receipt, of either interface, seen by summaries with their lag."""

import time
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from stripe import StripeClient
from support.stripe_control import StripeDouble

from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.sandbox.stripe_control import ask

PATH = "/v1/billing/meter_event_adjustments"
DAY_S = 86_400


class Account:
    def __init__(self, stripe: StripeDouble) -> None:
        stripe.bulk([{"id": "cus_1"}], [{"event_name": "calls", "id": "mtr_1"}, {"event_name": "bytes"}])
        self.url = stripe.url
        addresses: Any = {"api": stripe.url, "meter_events": stripe.url}
        self._addresses = addresses
        self.client = StripeClient("sk_live_1", base_addresses=addresses)

    def send(self, identifier: str, value: str) -> None:
        payload = {"stripe_customer_id": "cus_1", "value": value}
        token = self.client.v2.billing.meter_event_session.create().authentication_token
        events: Any = [{"event_name": "calls", "identifier": identifier, "payload": payload}]
        StripeClient(token, base_addresses=self._addresses).v2.billing.meter_event_stream.create({"events": events})

    def cancel(self, identifier: str, event_name: str = "calls") -> Any:
        wish: Any = {"type": "cancel", "event_name": event_name, "cancel": {"identifier": identifier}}
        return self.client.v1.billing.meter_event_adjustments.create(wish)

    def totals(self) -> tuple[str, float]:
        """Exact, and as the summaries show it."""
        now = int(time.time()) // DAY_S * DAY_S
        window: Any = {"customer": "cus_1", "start_time": now - DAY_S, "end_time": now + 3 * DAY_S}
        (summary,) = self.client.v1.billing.meters.event_summaries.list("mtr_1", window).data
        (total,) = ask(self.url, "GET", "totals?by=meter")["totals"]
        return total["value"], summary.aggregated_value


@pytest.fixture
def account(stripe: StripeDouble) -> Account:
    return Account(stripe)


def test_a_streamed_event_can_be_cancelled_but_once(account: Account) -> None:
    account.send("a", "3")
    account.send("b", "4")
    assert account.cancel("a").status == "pending"
    assert account.totals() == ("4", 4)
    with pytest.raises(sdk.InvalidRequestError, match="No meter event found"):
        account.cancel("a")
    assert account.totals() == ("4", 4)


def test_summaries_see_a_cancellation_as_late_as_an_event(account: Account, stripe: StripeDouble) -> None:
    ask(account.url, "POST", "settings", {"lag_s": 60})
    account.send("a", "3")
    account.cancel("a")
    account.send("b", "4")
    assert account.totals() == ("4", 0)
    stripe.clock(61)
    account.send("c", "5")
    account.cancel("b")
    assert account.totals() == ("5", 4)
    stripe.clock(122)
    assert account.totals() == ("5", 5)


def test_a_cancelled_identifier_stays_taken(account: Account) -> None:
    account.send("a", "3")
    account.cancel("a")
    account.send("a", "3")
    assert account.totals() == ("0", 0)


def test_of_an_identifier_that_counted_twice_only_the_last_can_be_cancelled(
    account: Account, stripe: StripeDouble
) -> None:
    account.send("a", "3")
    stripe.clock(DAY_S + 1)
    account.send("a", "4")
    account.cancel("a")
    assert account.totals() == ("3", 3)


@pytest.mark.parametrize(("name", "offset_s"), [("bytes", 0), ("calls", DAY_S + 1)])
def test_nothing_of_another_meter_or_older_than_a_day_is_cancelled(
    account: Account, stripe: StripeDouble, name: str, offset_s: int
) -> None:
    account.send("a", "3")
    stripe.clock(offset_s)
    with pytest.raises(sdk.InvalidRequestError):
        account.cancel("a", name)
    assert account.totals() == ("3", 3)


@pytest.mark.parametrize(("kind", "left"), [("lost_reply", "4"), ("reset", "7")])
def test_faults_strike_cancellations_too(account: Account, stripe: StripeDouble, kind: str, left: str) -> None:
    account.send("a", "3")
    account.send("b", "4")
    stripe.fault(kind=kind, endpoint=PATH, count=1)
    with pytest.raises(sdk.APIConnectionError):
        account.cancel("a")
    assert account.totals() == (left, float(left))


def test_a_cancellation_outlives_a_crash(tmp_path: Path) -> None:
    first = start_simulator(tmp_path)
    account = Account(StripeDouble(first.url))
    account.send("a", "3")
    account.send("b", "4")
    account.cancel("a")
    first.kill()
    second = start_simulator(tmp_path)
    try:
        (total,) = ask(second.url, "GET", "totals?by=meter")["totals"]
        assert total["value"] == "4"
    finally:
        second.stop()
