"""The meter event stream: sessions, shapes that are refused, and all else that is only found out afterwards."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe as sdk
from stripe import StripeClient
from support.stripe_control import StripeDouble

from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.sandbox.stripe_control import ask

STREAM = "/v2/billing/meter_event_stream"


def event(identifier: str | None = "a", value: str = "1", customer: str = "cus_1", **other: Any) -> dict[str, Any]:
    payload = {"stripe_customer_id": customer, "value": value}
    named = {} if identifier is None else {"identifier": identifier}
    return {"event_name": "api_calls", "payload": payload, **named, **other}


def at(epoch_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_s))


class Stream:
    """A client as the program would use it: the key for sessions, the token for events."""

    def __init__(self, url: str, key: str = "sk_live_1") -> None:
        addresses: Any = {"api": url, "meter_events": url}
        self.url, self._addresses = url, addresses
        self.keyed = StripeClient(key, base_addresses=addresses)
        self.token = self.keyed.v2.billing.meter_event_session.create().authentication_token

    def send(self, *events: dict[str, Any]) -> None:
        client = StripeClient(self.token, base_addresses=self._addresses)
        sent: Any = list(events)
        client.v2.billing.meter_event_stream.create({"events": sent})

    def post(self, body: Any, **headers: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return requests.post(self.url + STREAM, json=body, headers=headers, timeout=10)

    def status(self) -> dict[str, Any]:
        return dict(ask(self.url, "GET", "status"))

    def total(self) -> str:
        totals = ask(self.url, "GET", "totals?by=meter")["totals"]
        return str(totals[0]["value"]) if totals else "0"

    def reasons(self) -> dict[str, list[str]]:
        """Reason code → the identifiers that were sampled, over all thin events."""
        events = requests.get(
            f"{self.url}/v2/core/events", headers={"Authorization": "Bearer sk_live_1"}, timeout=10
        ).json()["data"]
        kinds = [kind for one in events for kind in one["data"]["reason"]["error_types"]]
        return {kind["code"]: [one["request"]["identifier"] for one in kind["sample_errors"]] for kind in kinds}


@pytest.fixture
def stream(stripe: StripeDouble) -> Iterator[Stream]:
    fill(stripe)
    yield Stream(stripe.url)


def fill(stripe: StripeDouble) -> None:
    stripe.bulk([{"id": f"cus_{number}"} for number in range(3)], [{"event_name": "api_calls", "id": "mtr_1"}])


def test_a_session_lasts_fifteen_minutes(stream: Stream, stripe: StripeDouble) -> None:
    session = stream.keyed.v2.billing.meter_event_session.create()
    assert (session.object, session.livemode) == ("v2.billing.meter_event_session", True)
    assert _epoch_s(str(session.expires_at)) - _epoch_s(str(session.created)) == 900
    stripe.clock(890)
    stream.send(event("a"))
    stripe.clock(900)
    with pytest.raises(sdk.TemporarySessionExpiredError) as caught:
        stream.send(event("b"))
    assert (caught.value.code, caught.value.http_status) == ("billing_meter_event_session_expired", 401)
    assert stream.total() == "1"


def test_only_a_sessions_token_opens_the_stream_and_only_a_key_a_session(stream: Stream) -> None:
    token, stream.token = stream.token, "sk_live_1"
    with pytest.raises(sdk.TemporarySessionExpiredError):
        stream.send(event("a"))
    with pytest.raises(sdk.AuthenticationError):
        Stream(stream.url, token)


def test_a_test_mode_account_has_no_stream_where_the_setting_says_so(stream: Stream) -> None:
    Stream(stream.url, "sk_test_1").send(event("a"))
    ask(stream.url, "POST", "settings", {"stream_in_test_mode": False})
    with pytest.raises(sdk.InvalidRequestError, match="live mode"):
        Stream(stream.url, "sk_test_1")
    Stream(stream.url, "sk_live_1").send(event("b"))


def test_a_hundred_events_are_one_request_and_one_more_is_refused_as_a_whole(stream: Stream) -> None:
    stream.send(*(event(str(number), "0.1") for number in range(100)))
    with pytest.raises(sdk.InvalidRequestError, match="At most 100"):
        stream.send(*(event(f"x{number}") for number in range(101)))
    assert stream.total() == "10"
    assert [line.get("events") for line in ask(stream.url, "GET", "log")["log"][1:]] == [100, None]


@pytest.mark.parametrize(
    "bad",
    [
        {"payload": {"stripe_customer_id": "cus_1", "value": 1}},
        {"payload": ["cus_1"]},
        {"identifier": "x" * 101},
        {"timestamp": 1_790_000_000},
        {"timestamp": "2026-10-01T12:00:00"},
        {"event_name": ""},
    ],
    ids=str,
)
def test_an_event_of_another_shape_refuses_the_whole_request(stream: Stream, bad: dict[str, Any]) -> None:
    answer = stream.post({"events": [event("a"), event("b") | bad]})
    assert answer.status_code == 400
    assert stream.total() == "0"


@pytest.mark.parametrize("body", [[], {}, {"events": "a"}, None])
def test_a_body_without_events_is_refused(stream: Stream, body: Any) -> None:
    assert stream.post(body).status_code == 400


def test_what_is_wrong_with_an_event_is_only_reported(stream: Stream) -> None:
    answer = stream.post(
        {
            "events": [
                event("old", timestamp=at(time.time() - 36 * 86_400)),
                event("early", timestamp=at(time.time() + 600)),
                event("word", "much"),
                event("long", "1234567890.123456"),
                event("stranger", customer="cus_none"),
                event("nobody", customer=""),
                event("lost") | {"event_name": "nothing"},
                event("good", "7"),
            ]
        }
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert stream.reasons() == {
        "timestamp_too_far_in_past": ["old"],
        "timestamp_in_future": ["early"],
        "meter_event_invalid_value": ["word"],
        "meter_event_value_too_many_digits": ["long"],
        "meter_event_customer_not_found": ["stranger"],
        "meter_event_no_customer_defined": ["nobody"],
        "no_meter": ["lost"],
    }
    assert (stream.total(), stream.status()["rejected"]) == ("7", 7)


def test_an_event_of_today_needs_neither_timestamp_nor_identifier(stream: Stream) -> None:
    stream.send(event(None), event(None))
    assert stream.total() == "2"


def test_duplicates_are_dropped_without_a_word_for_a_day(stream: Stream, stripe: StripeDouble) -> None:
    stream.send(event("a", "1"), event("a", "2"), event("b", customer="cus_none"))
    stream.send(event("a", "3"), event("b", "4"))
    assert (stream.total(), stream.status()["duplicates"]) == ("1", 3)
    assert list(stream.reasons()) == ["meter_event_customer_not_found"]
    stripe.clock(86_401)
    Stream(stream.url).send(event("a", "5"))
    assert stream.total() == "6"


def test_both_interfaces_share_their_identifiers(stream: Stream) -> None:
    single: Any = {**event("v1"), "timestamp": int(time.time())}
    stream.keyed.v1.billing.meter_events.create(single)
    stream.send(event("v1"), event("v2"))
    with pytest.raises(sdk.InvalidRequestError, match="already exists"):
        stream.keyed.v1.billing.meter_events.create(single | {"identifier": "v2"})
    assert stream.total() == "2"


def test_a_repeated_request_key_gives_a_success_again_and_carries_a_failure_out_anew(
    stream: Stream, stripe: StripeDouble
) -> None:
    stripe.fault(kind="status", status=500, endpoint=STREAM, count=1)
    answers = [stream.post({"events": [event("a")]}, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 200, 200]
    assert answers[2].headers["Idempotent-Replayed"] == "true"
    assert (stream.total(), stream.status()["duplicates"]) == ("1", 0)


@pytest.mark.parametrize(("kind", "counted"), [("lost_reply", "1"), ("reset", "0")])
def test_faults_strike_the_stream_too(stream: Stream, stripe: StripeDouble, kind: str, counted: str) -> None:
    stripe.fault(kind=kind, endpoint=STREAM, count=1)
    with pytest.raises(requests.ConnectionError):
        stream.post({"events": [event("a")]})
    assert stream.total() == counted


def test_the_stream_has_a_rate_of_its_own_in_events(stream: Stream) -> None:
    ask(stream.url, "POST", "settings", {"stream_rate": 150})
    hundred = {"events": [event(None) for _ in range(100)]}
    answers = [stream.post(hundred) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    with pytest.raises(sdk.RateLimitError):
        stream.send(*hundred["events"])
    stream.keyed.v1.billing.meter_events.create(event("v1"))  # type: ignore[arg-type]
    assert (stream.total(), stream.status()["rate_limited"]) == ("101", 2)


def test_a_killed_simulator_remembers_sessions_and_events(tmp_path: Path) -> None:
    first = start_simulator(tmp_path)
    fill(StripeDouble(first.url))
    stream = Stream(first.url)
    stream.send(event("a", "1.5"), event("a"), event("b", customer="cus_none"))
    before = stream.status()
    first.kill()
    second = start_simulator(tmp_path)
    try:
        stream.url = second.url
        assert {name: stream.status()[name] for name in ("accepted", "rejected", "duplicates")} == {
            name: before[name] for name in ("accepted", "rejected", "duplicates")
        }
        assert stream.post({"events": [event("a"), event("c", "2")]}).status_code == 200
        assert stream.total() == "3.5"
    finally:
        second.stop()


def _epoch_s(text: str) -> float:
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
