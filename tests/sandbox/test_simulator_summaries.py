"""What meters of every kind say of the same events, under either reading of which event is the last."""

import time
from typing import Any

import pytest
import requests
from support.stripe_control import StripeDouble

from billing_cli.sandbox.stripe_control import ask

HEADERS = {"Authorization": "Bearer sk_test_1"}
DAY_S = 86_400
DAY = int(time.time()) // DAY_S * DAY_S - 3 * DAY_S
HOUR = 3600

METERS: list[dict[str, Any]] = [
    {"event_name": f"{formula}_{window}", "id": f"mtr_{formula}_{window}", "formula": formula,
     "event_time_window": window}
    for formula in ("sum", "count", "last")
    for window in (None, "hour", "day")
]  # fmt: skip

# (seconds into the day, value), in order of arrival: the hour from 1 to 2 has three, the one from 5 to 6 two.
EVENTS = [(1 * HOUR + 1800, 7), (1 * HOUR, 5), (1 * HOUR + 1800, 6), (5 * HOUR + 10, 20), (5 * HOUR, 30)]


@pytest.fixture
def url(stripe: StripeDouble) -> str:
    stripe.bulk([{"id": "cus_1"}], METERS)
    return stripe.url


def send(url: str, name: str, identifier: str, timestamp: int, value: float) -> None:
    data = {"event_name": name, "identifier": identifier, "timestamp": timestamp,
            "payload[stripe_customer_id]": "cus_1", "payload[value]": value}  # fmt: skip
    answer = requests.post(f"{url}/v1/billing/meter_events", data=data, headers=HEADERS, timeout=10)
    assert answer.status_code == 200, answer.text


def summaries(url: str, name: str, grouping: str | None = None, days: int = 1) -> list[float]:
    """Oldest first."""
    window: dict[str, Any] = {"customer": "cus_1", "start_time": DAY, "end_time": DAY + days * DAY_S, "limit": 100}
    if grouping:
        window["value_grouping_window"] = grouping
    path = f"{url}/v1/billing/meters/mtr_{name}/event_summaries"
    answer = requests.get(path, params=window, headers=HEADERS, timeout=10)
    assert answer.status_code == 200, answer.text
    return [one["aggregated_value"] for one in reversed(answer.json()["data"])]


@pytest.mark.parametrize(
    ("name", "by_timestamp", "as_received"),
    [
        ("sum_None", [68.0], [68.0]),
        ("sum_hour", [26.0], [36.0]),
        ("sum_day", [20.0], [30.0]),
        ("count_None", [5.0], [5.0]),
        ("count_hour", [2.0], [2.0]),
        ("count_day", [1.0], [1.0]),
        ("last_None", [20.0], [30.0]),
        ("last_hour", [20.0], [30.0]),
        ("last_day", [20.0], [30.0]),
    ],
)
def test_a_meter_adds_counts_or_keeps_the_last(
    url: str, name: str, by_timestamp: list[float], as_received: list[float]
) -> None:
    for number, (second, value) in enumerate(EVENTS):
        send(url, name, str(number), DAY + second, value)
    assert summaries(url, name) == by_timestamp
    ask(url, "POST", "settings", {"last_by": "received"})
    assert summaries(url, name) == as_received


@pytest.mark.parametrize(
    ("name", "hours"), [("sum_None", [18, 50]), ("sum_hour", [6, 20]), ("last_None", [6, 20]), ("count_hour", [1, 1])]
)
def test_every_hour_is_a_summary_of_its_own(url: str, name: str, hours: list[float]) -> None:
    for number, (second, value) in enumerate(EVENTS):
        send(url, name, str(number), DAY + second, value)
    assert summaries(url, name, "hour") == hours


def test_a_whole_total_sent_again_changes_nothing_and_a_newer_one_replaces_it(url: str) -> None:
    for number, value in enumerate([10, 10, 12]):
        send(url, "sum_day", str(number), DAY, value)
        send(url, "sum_day", f"next {number}", DAY + DAY_S, 1)
    assert summaries(url, "sum_day", "day", days=2) == [12, 1]


def test_cancelling_the_last_event_of_a_window_brings_the_one_before_back(url: str) -> None:
    send(url, "sum_day", "a", DAY, 10)
    send(url, "sum_day", "b", DAY, 12)
    wish = {"type": "cancel", "event_name": "sum_day", "cancel[identifier]": "b"}
    requests.post(f"{url}/v1/billing/meter_event_adjustments", data=wish, headers=HEADERS, timeout=10)
    assert summaries(url, "sum_day") == [10]


def test_another_reading_of_last_is_refused(url: str) -> None:
    answer = requests.post(f"{url}/_sandbox/settings", json={"last_by": "value"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "last_by is one of timestamp, received.")
