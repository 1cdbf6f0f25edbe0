"""Subscriptions move from period to period, and only what is known at finalization is billed."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe as sdk
from stripe import InvalidRequestError, StripeClient
from support.stripe_control import StripeDouble

from billing_cli.domain.errors import BadInput
from billing_cli.sandbox.stripe_control import ask

DAY_S = 86_400
END = int(time.time()) // DAY_S * DAY_S - 2 * DAY_S
START = END - 30 * DAY_S
ROW: dict[str, Any] = {
    "id": "sub_1", "customer": "cus_1", "period_start": START, "period_end": END,
    "items": [{"id": "si_1", "price": "price_1", "meter": "mtr_1", "unit_amount": 25}],
}  # fmt: skip


@pytest.fixture
def url(stripe: StripeDouble) -> str:
    stripe.bulk([{"id": "cus_1"}, {"id": "cus_2"}], [{"event_name": "api_calls", "id": "mtr_1"}])
    subscribe(stripe.url, ROW)
    return stripe.url


@pytest.fixture
def client(url: str) -> StripeClient:
    return sdk.StripeClient("sk_test_1", base_addresses={"api": url})


def subscribe(url: str, *rows: dict[str, Any]) -> None:
    ask(url, "POST", "subscriptions", {"subscriptions": list(rows)})


def use(client: StripeClient, value: str, timestamp: int) -> None:
    client.v1.billing.meter_events.create(
        {
            "event_name": "api_calls",
            "payload": {"stripe_customer_id": "cus_1", "value": value},
            "timestamp": timestamp,
        }
    )


def advance(url: str, **more: Any) -> str:
    """Returns the id of the draft."""
    return str(ask(url, "POST", "subscriptions/advance", {"subscription": "sub_1", **more})["id"])


def billed(url: str) -> list[tuple[str, str]]:
    return [(one["invoice"], one["quantity"]) for one in ask(url, "GET", "billed")["billed"]]


def test_a_period_and_a_meter_stand_at_the_item(client: StripeClient) -> None:
    subscription = client.v1.subscriptions.retrieve("sub_1")
    item = subscription["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (START, END)
    assert "current_period_end" not in subscription
    recurring = item.price.recurring
    assert (recurring.meter, recurring.usage_type, recurring.interval) == ("mtr_1", "metered", "month")
    assert subscription.billing_cycle_anchor == END
    assert client.v1.subscription_items.retrieve("si_1").subscription == "sub_1"
    assert [one.id for one in client.v1.subscription_items.list({"subscription": "sub_1"}).data] == ["si_1"]


def test_subscriptions_are_sifted_by_customer_status_and_price_and_paged(client: StripeClient, url: str) -> None:
    other = [{"price": "price_2", "usage_type": "licensed"}]
    more = [{"id": f"sub_{number}", "customer": "cus_2", "items": other} for number in range(2, 8)]
    subscribe(url, *more, {"id": "sub_gone", "customer": "cus_2", "status": "canceled", "items": other})

    def found(**params: Any) -> list[str]:
        first: Any = {"limit": 2, **params}
        return sorted(one.id for one in client.v1.subscriptions.list(first).auto_paging_iter())

    assert found(customer="cus_1") == found(price="price_1") == ["sub_1"]
    assert found(price="price_2") == [row["id"] for row in more]
    assert found(price="price_2", status="all") == [*(row["id"] for row in more), "sub_gone"]
    assert found(status="canceled") == found(status="ended") == ["sub_gone"]
    with pytest.raises(InvalidRequestError, match="Invalid status"):
        found(status="asleep")


def test_the_next_period_begins_with_a_draft_for_the_one_that_ended(client: StripeClient, url: str) -> None:
    use(client, "4", START)
    use(client, "100", END)
    draft = client.v1.invoices.retrieve(advance(url))
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    assert (draft.period_start, draft.period_end) == (START, END)
    assert draft.parent and draft.parent.subscription_details
    assert draft.parent.subscription_details.subscription == "sub_1"
    line = draft.lines.data[0]
    assert (line.period.start, line.period.end) == (START, END)
    assert line.pricing and line.pricing.price_details and line.pricing.price_details.price == "price_1"
    assert (line.quantity, draft.total) == (4, 100)
    item = client.v1.subscriptions.retrieve("sub_1")["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (END, END + 30 * DAY_S)
    assert client.v1.subscriptions.retrieve("sub_1").latest_invoice == draft.id
    assert [one.id for one in client.v1.invoices.list({"subscription": "sub_1"}).data] == [draft.id]
    assert client.v1.invoices.list({"subscription": "sub_2"}).data == []


FINALIZE: dict[str, Callable[[StripeClient, str, str], object]] = {
    "the operator": lambda client, url, invoice: ask(url, "POST", "invoices/finalize", {"invoice": invoice}),
    "a call": lambda client, url, invoice: client.v1.invoices.finalize_invoice(invoice),
}


@pytest.mark.parametrize("by", FINALIZE)
def test_usage_counts_until_finalization_and_is_billed_by_nobody_afterwards(
    client: StripeClient, url: str, by: str
) -> None:
    use(client, "4.5", END - 1)
    invoice_id = advance(url)
    use(client, "2", END - 60)
    assert billed(url) == []
    FINALIZE[by](client, url, invoice_id)
    use(client, "8", END - 60)
    assert billed(url) == [(invoice_id, "6.5")]
    final = client.v1.invoices.retrieve(invoice_id)
    assert (final.status, final.total) == ("open", 163)
    window: Any = {"customer": "cus_1", "start_time": START, "end_time": END}
    assert client.v1.billing.meters.event_summaries.list("mtr_1", window).data[0].aggregated_value == 14.5
    second = advance(url, period_end=END + 40 * DAY_S)
    ask(url, "POST", "invoices/finalize", {"invoice": second})
    assert billed(url)[1:] == [(second, "0")]


def test_what_summaries_do_not_show_yet_is_not_billed(client: StripeClient, url: str, stripe: StripeDouble) -> None:
    ask(url, "POST", "settings", {"lag_s": 600})
    use(client, "4", START)
    stripe.clock(601)
    use(client, "1", START)
    invoice_id = advance(url)
    ask(url, "POST", "invoices/finalize", {"invoice": invoice_id})
    assert billed(url) == [(invoice_id, "4")]


def test_a_negative_total_bills_as_nothing(client: StripeClient, url: str) -> None:
    use(client, "-4", START)
    invoice_id = advance(url)
    assert client.v1.invoices.finalize_invoice(invoice_id).status == "paid"
    assert billed(url) == [(invoice_id, "0")]


def test_nonsense_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="period_end must be after"):
        advance(url, period_end=END)
    with pytest.raises(BadInput, match="No such subscription"):
        ask(url, "POST", "subscriptions/advance", {"subscription": "sub_none"})
    subscribe(url, ROW | {"items": [{"price": "price_2", "usage_type": "licensed"}]})
    with pytest.raises(BadInput, match="no metered price"):
        advance(url)
