"""What is read of subscriptions: whose items bill a meter, since when, and which periods are drafts."""

from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from responses.matchers import query_param_matcher

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.subscription_reader import StripeSubscriptionReader
from billing_cli.domain.billing_period import SubscribedItem
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.meter import Backend, MeterRoute

API = "https://api.stripe.com/v1"
NOV = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
DEC = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
METER = MeterRoute("calls", "api_calls", "c", "v", "sum", None, meter_id="mtr_1")
SEATS = MeterRoute("seats", "price_seats", "", "", "sum", None, backend=Backend.USAGE_RECORDS)
STRIPES = {"Request-Id": "req_1"}


def instant(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def item(name: str, price: str = "price_1", meter: str | None = None, **more: Any) -> dict[str, Any]:
    period = {"current_period_start": DEC, "current_period_end": DEC + 1}
    return (
        {"object": "subscription_item", "id": name, "price": {"id": price, "recurring": {"meter": meter}}}
        | period
        | more
    )


def subscription(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    listed = {"data": list(items), "has_more": more.pop("has_more", False)}
    return {
        "object": "subscription",
        "id": "sub_1", "customer": "cus_1", "status": "active", "start_date": NOV, "ended_at": None, "items": listed,
    } | more  # fmt: skip


def answers(path: str, *data: dict[str, Any]) -> None:
    objects = [{"object": path.removesuffix("s"), **one} for one in data]
    responses.get(f"{API}/{path}", json={"object": "list", "data": objects, "has_more": False}, headers=STRIPES)


def items_of(*routes: MeterRoute, since: int = NOV) -> list[SubscribedItem]:
    connection = StripeConnection("sk_test_1")
    return StripeSubscriptionReader(connection, connection).items(routes or [METER, SEATS], ["cus_1"], instant(since))


@responses.activate
def test_a_price_bills_the_meter_it_names_or_the_records_it_is_configured_for() -> None:
    answers("invoices")
    answers(
        "subscriptions",
        subscription(
            item("si_1", meter="mtr_1"), item("si_2", "price_seats"), item("si_3"), item("si_4", meter="mtr_2")
        ),
    )
    assert [(one.event_name, one.subscription_item) for one in items_of()] == [
        ("api_calls", "si_1"),
        ("price_seats", "si_2"),
    ]
    assert [one.event_name for one in items_of(SEATS)] == ["price_seats"]


@responses.activate
def test_items_beyond_the_first_few_are_read_as_a_list_of_their_own() -> None:
    answers("invoices")
    answers("subscriptions", subscription(item("si_1"), has_more=True))
    responses.get(
        f"{API}/subscription_items",
        match=[query_param_matcher({"subscription": "sub_1", "starting_after": "si_1", "limit": "100"})],
        json={"object": "list", "data": [item("si_2", meter="mtr_1")], "has_more": False},
        headers=STRIPES,
    )
    assert [one.subscription_item for one in items_of()] == ["si_2"]


@responses.activate
def test_drafts_are_asked_for_only_where_a_period_ended_since() -> None:
    answers("subscriptions", subscription(item("si_1", meter="mtr_1")))
    assert items_of(since=DEC)[0].drafts == ()
    draft = {"period_start": NOV, "period_end": DEC}
    answers(
        "invoices",
        {**draft, "parent": {"subscription_details": {"subscription": "sub_1"}}},
        {**draft, "parent": {"subscription_details": {"subscription": "sub_other"}}},
        {**draft, "parent": None},
    )
    assert items_of(since=DEC - 1)[0].drafts == ((instant(NOV), instant(DEC)),)


@responses.activate
def test_what_never_began_is_left_out_and_what_ended_is_not() -> None:
    answers("invoices")
    answers(
        "subscriptions",
        subscription(item("si_1", meter="mtr_1"), status="incomplete_expired", ended_at=DEC),
        subscription(item("si_2", meter="mtr_1"), status="canceled", ended_at=DEC),
    )
    (found,) = items_of()
    assert (found.subscription_item, found.ended, found.began) == ("si_2", instant(DEC), instant(NOV))


@responses.activate
def test_older_api_versions_have_the_period_and_the_subscription_elsewhere() -> None:
    old = item("si_1", meter="mtr_1")
    del old["current_period_start"]
    answers("subscriptions", subscription(old, current_period_start=DEC))
    answers("invoices", {"subscription": "sub_1", "period_start": NOV, "period_end": DEC})
    (found,) = items_of()
    assert (found.period_start, found.drafts) == (instant(DEC), ((instant(NOV), instant(DEC)),))


@responses.activate
def test_a_key_without_the_permission_is_told_which_and_how_to_go_on() -> None:
    responses.get(
        f"{API}/subscriptions",
        status=403,
        json={"error": {"message": "rak_subscription_read is missing."}},
        headers=STRIPES,
    )
    with pytest.raises(Misconfigured, match="rak_subscription_read") as caught:
        items_of()
    assert "Subscriptions and Invoices" in caught.value.next_step
    assert 'late_usage = "send"' in caught.value.next_step
    responses.replace(
        responses.GET, f"{API}/subscriptions", status=401, json={"error": {"message": "No."}}, headers=STRIPES
    )
    with pytest.raises(Misconfigured) as caught:
        items_of()
    assert "late_usage" not in caught.value.next_step
