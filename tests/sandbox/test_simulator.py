"""What the simulated Stripe does where the real one hurts."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from billing_cli.sandbox.simulator.process import SimulatorProcess, start_simulator

EVENTS = "/v1/billing/meter_events"


class Client:
    def __init__(self, url: str, key: str = "sk_test_1") -> None:
        self.url, self.headers = url, {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **params: Any) -> requests.Response:
        return requests.get(self.url + path, params=params, headers=self.headers, timeout=10)

    def post(self, path: str, data: dict[str, Any], key: str = "") -> requests.Response:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return requests.post(self.url + path, data=data, headers=headers, timeout=10)

    def control(self, path: str, wish: dict[str, Any]) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=wish, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, identifier: str, value: str = "1", key: str = "", **other: Any) -> requests.Response:
        return self.post(EVENTS, event(identifier, value, **other), key)

    def status(self) -> Any:
        return self.get("/_sandbox/status").json()

    def total(self) -> str:
        totals = self.get("/_sandbox/totals", by="meter").json()["totals"]
        return str(totals[0]["value"]) if totals else "0"


def event(
    identifier: str, value: str = "1", customer: str = "cus_1", name: str = "api_calls", **other: Any
) -> dict[str, Any]:
    payload = {"payload[stripe_customer_id]": customer, "payload[value]": value}
    return {"event_name": name, "identifier": identifier, **payload, **other}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    running = start_simulator(tmp_path_factory.mktemp("stripe"))
    yield running
    running.stop()


@pytest.fixture
def stripe(process: SimulatorProcess) -> Client:
    client = Client(process.url)
    client.control("reset", {})
    client.control("settings", {"rate": 0, "lag_s": 0, "serial": True})
    fill(client)
    return client


def fill(client: Client) -> None:
    customers = [{"id": f"cus_{number}"} for number in range(5)]
    client.control("bulk", {"customers": customers, "meters": [{"event_name": "api_calls", "id": "mtr_1"}]})


def test_errors_have_stripes_shape_and_a_request_id(stripe: Client) -> None:
    answer = stripe.get("/v1/customers/cus_none")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_missing"
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize(("key", "status"), [("", 401), ("sk_test_invalid", 401), ("rk_test_noperm", 403)])
def test_keys_that_must_not_work(process: SimulatorProcess, key: str, status: int) -> None:
    assert Client(process.url, key).get("/v1/account").status_code == status


@pytest.mark.parametrize(("key", "livemode"), [("sk_test_1", False), ("rk_live_1", True)])
def test_livemode_follows_the_key(process: SimulatorProcess, key: str, livemode: bool) -> None:
    assert Client(process.url, key).get("/v1/balance").json()["livemode"] is livemode


def test_duplicate_identifier_is_refused_for_a_day_and_counts_twice_afterwards(stripe: Client) -> None:
    assert stripe.send("a").status_code == 200
    again = stripe.send("a")
    assert again.status_code == 400
    assert again.headers["Stripe-Should-Retry"] == "false"
    error = again.json()["error"]
    assert error == {"message": "An event already exists with identifier a.", "type": "invalid_request_error"}
    stripe.control("clock", {"offset_s": 86_401})
    assert stripe.send("a").status_code == 200
    assert stripe.total() == "2"


def test_sums_stay_exact(stripe: Client) -> None:
    for number, value in enumerate(["0.1", "0.2", "123456789012345", "0.000000000000001"]):
        assert stripe.send(f"i{number}", value).status_code == 200
    assert stripe.total() == "123456789012345.300000000000001"


@pytest.mark.parametrize("value", ["1234567890.123456", "NaN", "much"])
def test_unusable_values_are_refused(stripe: Client, value: str) -> None:
    assert stripe.send("a", value).status_code == 400
    assert stripe.total() == "0"


@pytest.mark.parametrize(
    ("distance_s", "code"),
    [
        (-36 * 86_400, "timestamp_too_far_in_past"),
        (600, "timestamp_in_future"),
        (-34 * 86_400, None),
        (240, None),
    ],
)
def test_timestamp_limits(stripe: Client, distance_s: int, code: str | None) -> None:
    answer = stripe.send("a", timestamp=int(time.time()) + distance_s)
    assert answer.json().get("error", {}).get("code") == code


def test_unknown_customer_and_meter_are_accepted_and_reported_later(stripe: Client) -> None:
    assert stripe.send("a", customer="cus_none").status_code == 200
    assert stripe.send("b", name="nothing").status_code == 200
    assert stripe.total() == "0"
    thin = stripe.get("/v2/core/events").json()["data"]
    kinds = {one["type"]: one["data"]["reason"]["error_types"][0] for one in thin}
    assert set(kinds) == {"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"}
    report = kinds["v1.billing.meter.error_report_triggered"]
    assert report["sample_errors"][0]["request"]["identifier"] == "a"


def test_idempotency_key_replays_a_500_and_refuses_other_parameters(stripe: Client) -> None:
    stripe.control("faults", {"kind": "status", "status": 500, "endpoint": EVENTS, "count": 1})
    assert stripe.send("a", key="k").status_code == 500
    replayed = stripe.send("a", key="k")
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (500, "true")
    assert stripe.send("a", "2", key="k").json()["error"]["type"] == "idempotency_error"
    assert stripe.send("a", key="other").status_code == 200


def test_validation_failures_are_not_kept_under_the_key(stripe: Client) -> None:
    assert stripe.send("a", "much", key="k").status_code == 400
    assert stripe.send("a", "1", key="k").status_code == 200


def test_parallel_calls_for_one_customer_and_meter_conflict(stripe: Client) -> None:
    stripe.control("faults", {"kind": "delay", "delay_s": 0.5, "endpoint": EVENTS, "count": 1})
    first = threading.Thread(target=stripe.send, args=("a",))
    first.start()
    time.sleep(0.2)
    assert stripe.send("b").status_code == 409
    assert stripe.send("c", customer="cus_2").status_code == 200
    first.join()
    assert stripe.total() == "2"


@pytest.mark.parametrize(("kind", "counted"), [("lost_reply", "1"), ("reset", "0")])
def test_a_dropped_connection_with_and_without_effect(stripe: Client, kind: str, counted: str) -> None:
    stripe.control("faults", {"kind": kind, "endpoint": EVENTS, "count": 1})
    with pytest.raises(requests.ConnectionError):
        stripe.send("a")
    assert stripe.total() == counted


def test_a_status_fault_may_commit(stripe: Client) -> None:
    stripe.control("faults", {"kind": "status", "status": 503, "commit": True, "count": 1, "endpoint": EVENTS})
    assert stripe.send("a").status_code == 503
    assert stripe.total() == "1"


def test_fault_chances_repeat_with_their_seed(stripe: Client) -> None:
    def statuses(run: int) -> list[int]:
        requests.delete(f"{stripe.url}/_sandbox/faults", timeout=10)
        stripe.control("faults", {"kind": "status", "status": 503, "probability": 0.5, "seed": 7, "endpoint": EVENTS})
        return [stripe.send(f"{run}-{number}").status_code for number in range(20)]

    first = statuses(1)
    assert first == statuses(2)
    assert set(first) == {200, 503}


def test_too_many_calls_are_limited_with_a_reason(stripe: Client) -> None:
    stripe.control("settings", {"rate": 5})
    answers = [stripe.send(str(number)) for number in range(12)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert limited[0].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"


def test_summaries_group_align_and_page(stripe: Client) -> None:
    hour = int(time.time()) // 3600 * 3600 - 200 * 3600
    for number in range(120):
        stripe.send(f"i{number}", "1.5", timestamp=hour + number * 3600)
    path = "/v1/billing/meters/mtr_1/event_summaries"
    window: dict[str, Any] = {"customer": "cus_1", "start_time": hour, "end_time": hour + 120 * 3600}
    assert stripe.get(path, **window).json()["data"][0]["aggregated_value"] == 180.0
    page = stripe.get(path, **window, value_grouping_window="hour", limit=100).json()
    assert (len(page["data"]), page["has_more"]) == (100, True)
    rest = stripe.get(
        path, **window, value_grouping_window="hour", limit=100, starting_after=page["data"][-1]["id"]
    ).json()
    assert (len(rest["data"]), rest["has_more"]) == (20, False)
    assert stripe.get(path, **window | {"start_time": hour + 1}).status_code == 400


def test_summaries_lag_behind(stripe: Client) -> None:
    stripe.control("settings", {"lag_s": 60})
    now = int(time.time()) // 60 * 60
    stripe.send("a")
    path = "/v1/billing/meters/mtr_1/event_summaries"
    window: dict[str, Any] = {"customer": "cus_1", "start_time": now - 600, "end_time": now + 600}
    assert stripe.get(path, **window).json()["data"][0]["aggregated_value"] == 0.0
    stripe.control("clock", {"offset_s": 61})
    assert stripe.get(path, **window).json()["data"][0]["aggregated_value"] == 1.0


def test_an_event_can_be_cancelled_for_a_day(stripe: Client) -> None:
    wish = {"type": "cancel", "event_name": "api_calls"}
    stripe.send("a", "3")
    stripe.send("b", "4")
    path = "/v1/billing/meter_event_adjustments"
    assert stripe.post(path, wish | {"cancel[identifier]": "a"}).status_code == 200
    assert stripe.total() == "4"
    stripe.control("clock", {"offset_s": 86_401})
    assert stripe.post(path, wish | {"cancel[identifier]": "b"}).status_code == 400


def test_customers_and_meters_are_made_listed_and_ended(stripe: Client) -> None:
    made = stripe.post("/v1/customers", {"name": "New", "metadata[a]": "b"}).json()
    assert made["metadata"] == {"a": "b"}
    page = stripe.get("/v1/customers", limit=2).json()
    assert (page["data"][0]["id"], page["has_more"]) == (made["id"], True)
    requests.delete(f"{stripe.url}/v1/customers/{made['id']}", headers=stripe.headers, timeout=10)
    assert stripe.get(f"/v1/customers/{made['id']}").json()["deleted"] is True
    wish = {"event_name": "m", "display_name": "M", "default_aggregation[formula]": "last"}
    meter = stripe.post("/v1/billing/meters", wish).json()
    assert stripe.post(f"/v1/billing/meters/{meter['id']}/deactivate", {}).json()["status"] == "inactive"
    kinds = [one["type"] for one in stripe.get("/v1/events").json()["data"]]
    assert kinds == ["billing.meter.updated", "billing.meter.created", "customer.deleted", "customer.created"]


def test_a_killed_simulator_remembers(tmp_path: Path) -> None:
    first = start_simulator(tmp_path)
    client = Client(first.url)
    fill(client)
    client.send("a", "1.5", key="k")
    client.send("b", customer="cus_none")
    first.kill()
    with (tmp_path / "stripe.jsonl").open("a") as journal:
        journal.write('{"op":"meter_ev')
    second = start_simulator(tmp_path)
    try:
        client = Client(second.url)
        assert client.total() == "1.5"
        assert client.send("a", "1.5").status_code == 400
        assert client.send("a", "1.5", key="k").headers["Idempotent-Replayed"] == "true"
        assert client.status()["rejected"] == 1
    finally:
        second.stop()
