"""The simulator's balance, conversion, payouts and reports, as Stripe would answer."""

import csv
import io
import random
import time
from typing import Any

import httpx
import pytest
import stripe
import stripe as sdk
from support.environment import KEY
from support.stripe_control import StripeDouble

from billing_cli.sandbox.simulator.timeline import Timeline
from billing_cli.sandbox.stripe_control import ask

LONG_AGO_S = 1_750_000_000
DAY_S = 86_400
Client = stripe.StripeClient


@pytest.fixture
def client(stripe: StripeDouble) -> Client:
    return sdk.StripeClient(KEY, base_addresses={"api": stripe.url})


def put(stripe: StripeDouble, payment_id: str, created: int = LONG_AGO_S, **more: Any) -> None:
    stripe.payments(
        [{"id": payment_id, "customer": "cus_1", "amount": 10_000, "currency": "usd", "created": created} | more]
    )


def test_the_balance_is_the_sum_of_its_transactions(client: Client, stripe: StripeDouble) -> None:
    put(stripe, "pi_1")
    put(stripe, "pi_2", created=int(time.time()))
    put(stripe, "pi_3", currency="eur")
    found = client.v1.balance.retrieve()
    assert {one.currency: one.amount for one in found.available} == {"usd": 9_680, "eur": 9_680}
    assert {one.currency: one.amount for one in found.pending} == {"usd": 9_680}


def test_a_converted_charge_settles_with_all_that_follows_from_it(client: Client, stripe: StripeDouble) -> None:
    put(
        stripe,
        "pi_1",
        currency="eur",
        amount=10_001,
        metadata={"sandbox_settles_in": "usd", "sandbox_exchange_rate": "1.085"},
    )
    client.v1.refunds.create({"payment_intent": "pi_1", "amount": 1_000})
    refund, charge = client.v1.balance_transactions.list({"expand": ["data.source"]}).data
    assert (charge.amount, charge.currency, charge.exchange_rate, charge.fee) == (10_851, "usd", 1.085, 345)
    assert (refund.amount, refund.currency, refund.to_dict()["source"]["currency"]) == (-1_085, "usd", "eur")


def test_a_dispute_costs_a_fee_that_winning_does_not_give_back(client: Client, stripe: StripeDouble) -> None:
    put(stripe, "pi_1")
    stripe.dispute("pi_1", "needs_response")
    stripe.dispute("pi_1", "won")
    won, lost, _ = client.v1.balance_transactions.list().data
    assert [(one.amount, one.fee, one.net) for one in (lost, won)] == [(-10_000, 1_500, -11_500), (10_000, 0, 10_000)]


def test_a_manual_payout_takes_what_is_available_and_tells_nothing(client: Client, stripe: StripeDouble) -> None:
    put(stripe, "pi_1")
    with pytest.raises(stripe_error) as caught:
        client.v1.payouts.create({"amount": 9_681, "currency": "usd"})
    assert caught.value.code == "balance_insufficient"
    made = client.v1.payouts.create({"amount": 9_680, "currency": "usd"})
    assert (made.automatic, made.reconciliation_status) == (False, "not_applicable")
    assert client.v1.balance.retrieve().available[0].amount == 0
    with pytest.raises(stripe_error, match="automatic payouts"):
        client.v1.balance_transactions.list({"payout": made.id})


stripe_error = stripe.InvalidRequestError


def report(client: Client, **wish: Any) -> tuple[list[dict[str, str]], Any]:
    name = wish.pop("report_type", "balance_change_from_activity.itemized.6")
    span = {"interval_start": LONG_AGO_S - DAY_S, "interval_end": LONG_AGO_S + 30 * DAY_S}
    run = client.v1.reporting.report_runs.create({"report_type": name, "parameters": span | wish})  # type: ignore[typeddict-item]
    while run.status == "pending":
        run = client.v1.reporting.report_runs.retrieve(run.id)
    assert run.result is not None
    assert run.result.url is not None
    answer = httpx.get(run.result.url, auth=(KEY, ""))
    assert run.result.size == len(answer.content)
    return list(csv.DictReader(io.StringIO(answer.text))), run


def test_an_itemized_report_has_major_units_and_the_columns_asked_for(client: Client, stripe: StripeDouble) -> None:
    put(stripe, "pi_1")
    put(stripe, "pi_2", currency="jpy", metadata={"sandbox_settles_in": "usd", "sandbox_exchange_rate": "0.66"})
    ask(stripe.url, "POST", "payouts", {"created": LONG_AGO_S + 5 * DAY_S})
    rows, _ = report(client, columns=["gross", "net", "currency", "payment_intent_id", "customer_facing_amount"])
    assert [list(row.values()) for row in rows] == [
        ["100.00", "96.80", "usd", "pi_1", "100.00"],
        ["66.00", "63.79", "usd", "pi_2", "10000"],
    ]
    paid_out, _ = report(client, report_type="payout_reconciliation.itemized.5")
    assert [row["reporting_category"] for row in paid_out] == ["charge", "charge"]


@pytest.mark.parametrize(
    "wish",
    [{"columns": ["nonsense"]}, {"report_type": "nonsense.1"}, {"interval_end": 4_000_000_000}, {"interval_start": 5}],
)
def test_an_impossible_report_is_refused(client: Client, stripe: StripeDouble, wish: dict[str, Any]) -> None:
    with pytest.raises(stripe_error):
        report(client, **wish)


def test_a_report_file_needs_the_key(client: Client, stripe: StripeDouble) -> None:
    _, run = report(client)
    assert httpx.get(run.result.url).status_code == 401


@pytest.mark.parametrize("seed", range(5))
def test_a_timeline_is_the_sorted_list(seed: int) -> None:
    rng = random.Random(seed)
    timeline, plain = Timeline(), dict[str, int]()
    for _ in range(200):
        name, created = f"x{rng.randrange(60)}", rng.randrange(20)
        timeline.put(name, created)
        plain[name] = created
    expected = sorted(plain, key=lambda name: plain[name])[::-1]
    expected = [name for name in expected if 3 <= plain[name] < 17]
    assert list(timeline.newest_first(3, 17, None)) == expected
    assert list(timeline.newest_first(3, 17, expected[4])) == expected[4:]


@pytest.mark.parametrize("noun", ["balance_transactions", "payouts"])
def test_pages_of_a_window_are_the_list_cut_in_pieces(client: Client, stripe: StripeDouble, noun: str) -> None:
    for number in range(30):
        put(stripe, f"pi_{number}", created=LONG_AGO_S + number // 3 * DAY_S)
        if number % 4 == 0:
            ask(stripe.url, "POST", "payouts", {"created": LONG_AGO_S + (number // 3 + 3) * DAY_S})
    service = getattr(client.v1, noun)
    whole = service.list({"limit": 100}).data
    assert [one.created for one in whole] == sorted((one.created for one in whole), reverse=True)
    window = {"gte": LONG_AGO_S + 4 * DAY_S, "lt": LONG_AGO_S + 9 * DAY_S}
    inside = [one.id for one in whole if window["gte"] <= one.created < window["lt"]]
    pages = service.list({"limit": 2, "created": window}).auto_paging_iter()
    assert [one.id for one in pages] == inside != []
    back = service.list({"limit": 2, "created": window, "ending_before": inside[-1]}).data
    assert [one.id for one in back] == inside[-3:-1]
