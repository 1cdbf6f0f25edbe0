"""Error reports tell how many events were wrong and why, name a few of them, and come as late as summaries."""

import math
import time
from typing import Any

import pytest
from stripe import InvalidRequestError, StripeClient
from support.stripe_control import StripeDouble

from billing_cli.sandbox.simulator.instants import epoch_s, iso
from billing_cli.sandbox.stripe_control import ask


class Account:
    def __init__(self, stripe: StripeDouble) -> None:
        stripe.bulk([{"id": "cus_1"}], [{"event_name": name, "id": f"mtr_{name}"} for name in ("calls", "bytes")])
        self.url, self.stripe = stripe.url, stripe
        addresses: Any = {"api": stripe.url, "meter_events": stripe.url}
        self.client = StripeClient("sk_live_1", base_addresses=addresses)
        token = self.client.v2.billing.meter_event_session.create().authentication_token
        self._stream = StripeClient(token, base_addresses=addresses)

    def send(self, *identifiers: str, name: str = "calls", value: str = "1", customer: str = "cus_none") -> None:
        payload = {"stripe_customer_id": customer, "value": value}
        events: Any = [{"event_name": name, "identifier": one, "payload": payload} for one in identifiers]
        self._stream.v2.billing.meter_event_stream.create({"events": events})

    def reports(self, **params: Any) -> list[Any]:
        found = self.client.v2.core.events.list(params)  # type: ignore[arg-type]
        return [event.to_dict() for event in found.auto_paging_iter()]


@pytest.fixture
def account(stripe: StripeDouble) -> Account:
    return Account(stripe)


def test_a_report_counts_all_and_names_as_many_for_each_reason_as_the_setting_says(account: Account) -> None:
    ask(account.url, "POST", "settings", {"error_sample": 2})
    account.stripe.clock(_to_next_window())
    account.send("a", "b", "c")
    account.send("d", customer="cus_1", value="much")
    report = account.reports()[0]
    reason = report["data"]["reason"]
    assert reason["error_count"] == 4
    kinds = {kind["code"]: kind for kind in reason["error_types"]}
    assert {code: kind["error_count"] for code, kind in kinds.items()} == {
        "meter_event_customer_not_found": 3,
        "meter_event_invalid_value": 1,
    }
    samples = kinds["meter_event_customer_not_found"]["sample_errors"]
    assert [one["request"]["identifier"] for one in samples] == ["a", "b"]
    assert samples[0]["error_message"] == "No such customer: cus_none"
    assert report["data"]["developer_message_summary"] == "There are 4 invalid events"


def test_a_report_is_about_one_meter_and_ten_seconds(account: Account) -> None:
    offset_s = _to_next_window()
    account.stripe.clock(offset_s)
    account.send("a")
    account.send("b", name="bytes")
    account.send("c", name="nothing")
    account.stripe.clock(offset_s + 10)
    account.send("d")
    later, lost, of_bytes, first = account.reports()
    assert (first["type"], lost["type"]) == (
        "v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found",
    )  # fmt: skip
    assert [one["related_object"]["id"] for one in (first, of_bytes, later)] == ["mtr_calls", "mtr_bytes", "mtr_calls"]
    assert "related_object" not in lost
    for report in (first, later):
        start, end = epoch_s(report["data"]["validation_start"]), epoch_s(report["data"]["validation_end"])
        assert end - start == 10
        assert start % 10 == 0
        assert start <= epoch_s(report["created"]) < end
    assert later["data"]["validation_start"] == first["data"]["validation_end"]
    assert account.client.v2.core.events.retrieve(first["id"]).id == first["id"]


def test_reports_are_sifted_by_meter_type_and_time_and_paged_by_links(account: Account) -> None:
    offset_s = _to_next_window()
    for number in range(5):
        account.stripe.clock(offset_s + number * 10)
        account.send(f"a{number}")
    account.send("b", name="bytes")
    account.send("c", name="nothing")
    everything = account.reports(limit=2)
    assert len(everything) == len({one["id"] for one in everything}) == 7
    assert len(account.client.v2.core.events.list({"limit": 2}).data) == 2
    assert len(account.reports(object_id="mtr_bytes")) == 1
    assert len(account.reports(types=["v1.billing.meter.no_meter_found"], limit=1)) == 1
    second, fourth = everything[-2]["created"], everything[-4]["created"]
    assert account.reports(created={"gte": second, "lt": fourth}, limit=1) == everything[-3:-1]
    assert account.reports(created={"gt": iso(epoch_s(everything[0]["created"]) + 1)}) == []
    with pytest.raises(InvalidRequestError, match="Invalid timestamp"):
        account.reports(created={"gte": "yesterday"})


def test_a_report_comes_as_late_as_the_summaries(account: Account) -> None:
    ask(account.url, "POST", "settings", {"lag_s": 60})
    account.send("a")
    assert account.reports() == []
    account.stripe.clock(61)
    (report,) = account.reports()
    assert report["data"]["reason"]["error_count"] == 1


def _to_next_window() -> int:
    """Seconds that bring the simulator's clock to the beginning of a window of ten."""
    return math.ceil(10 - time.time() % 10)
