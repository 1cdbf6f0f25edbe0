"""Prices as people read them."""

from decimal import Decimal

import pytest
from rich.console import Console

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.price import CheckedPlans, CheckedPrice, Price, PricedPlan
from billing_cli.domain.verdict import failed
from billing_cli.render.plans import CheckedPlansView, shown_price

PLAN = PricedPlan("starter", ("price_1",), "STRIPE_PRICE_STARTER")
METER = StripeMeter("api_calls", True, "sum", "stripe_customer_id", "value", meter_id="mtr_1")


def checked(
    amount: str | None, currency: str = "usd", interval: str | None = "month", count: int = 1, metered: bool = False
) -> CheckedPrice:
    unit_amount = None if amount is None else Decimal(amount)
    price = Price("price_1", True, False, currency, unit_amount, interval, count, metered, "mtr_1" if metered else None)
    return CheckedPrice(PLAN, "price_1", price, METER if metered else None, ())


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        (checked("1000"), "10.00 USD a month"),
        (checked("123456789"), "1,234,567.89 USD a month"),
        (checked("500", "jpy"), "500 JPY a month"),
        (checked("1000", count=3), "10.00 USD every 3 months"),
        (checked("1000", interval=None), "10.00 USD once"),
        (checked("0.025", metered=True), "0.00025 USD for each of api_calls a month"),
        (checked(None, metered=True), "tiers for each of api_calls a month"),
        (CheckedPrice(PLAN, "price_1", None, None, ()), "-"),
    ],
)
def test_a_price_is_shown_to_the_last_digit(price: CheckedPrice, shown: str) -> None:
    assert shown_price(price) == shown


@pytest.mark.parametrize("width", [40, 120])
def test_every_fault_is_shown_with_its_next_step_however_narrow(width: int) -> None:
    wrong = CheckedPrice(PLAN, "price_1", None, None, (failed("No price.", "Make one."),))
    plans = CheckedPlans(StripeIdentity("acct_1", False, False), (wrong,), (failed("No plan.", "Add it."),))
    console = Console(width=width)
    with console.capture() as capture:
        console.print(CheckedPlansView(plans))
    lines = capture.get().splitlines()
    assert max(len(line) for line in lines) <= width
    for said in ("starter", "price_1", "missing", "No price.", "→ Make one.", "No plan.", "→ Add it."):
        assert any(said in line for line in lines), said
