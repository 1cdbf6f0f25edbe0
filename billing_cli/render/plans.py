"""Plans and their prices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from billing_cli.domain.money import exponent
from billing_cli.domain.price import CheckedPlans, CheckedPrice, Price, PricedPlan
from billing_cli.render.columns import Columns
from billing_cli.render.gates import render_identity
from billing_cli.render.verdicts import next_step, verdict_document


def render_plans(plans: Sequence[PricedPlan]) -> RenderableType:
    """What is configured; Stripe is not asked."""
    if not plans:
        return Text("No plan has a price.")
    table = Columns()
    for name in ("plan", "price", "from"):
        table.add_column(name)
    for plan in plans:
        table.add_row(plan.plan_id, "\n".join(plan.price_ids), plan.origin)
    return table


def plans_document(plans: Sequence[PricedPlan]) -> dict[str, object]:
    return {"plans": [_plan_document(plan) for plan in plans]}


@dataclass(frozen=True)
class CheckedPlansView:
    """A row for each price, then what is wrong."""

    checked: CheckedPlans

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield render_identity(self.checked.identity)
        if not self.checked.prices:
            yield Text("No plan has a price.")
        else:
            yield _table(self.checked.prices)
        for fault in self.checked.faults:
            yield Text(fault.says, "bold red")
            yield next_step(fault)
        if not self.checked.faults:
            yield Text("Every plan that a company has is priced, and Stripe has every price.", "green")


def _lines(prices: Sequence[CheckedPrice]) -> Iterator[Text]:
    for checked in prices:
        yield Text.assemble((checked.plan.plan_id, "bold"), "  ", shown_price(checked), "  ", _state(checked))
        yield Text(f"  {checked.price_id}", "dim")


def _table(prices: Sequence[CheckedPrice]) -> Columns:
    table = Columns(_lines(prices))
    for name in ("plan", "price", "costs", "in Stripe"):
        table.add_column(name)
    for checked in prices:
        table.add_row(checked.plan.plan_id, checked.price_id, shown_price(checked), _state(checked))
    return table


def _state(checked: CheckedPrice) -> Text:
    if checked.price is None:
        return Text("missing", "bold red")
    return Text("wrong", "bold red") if checked.faults else Text("active", "green")


def shown_price(checked: CheckedPrice) -> str:
    """`10.00 USD a month`, `0.001 USD for each of api_calls, by the month`."""
    price = checked.price
    if price is None:
        return "-"
    amount = "tiers" if price.unit_amount is None else _amount(price.unit_amount, price.currency)
    if price.metered:
        amount += f" for each of {checked.meter.event_name if checked.meter else price.meter_id or 'usage records'}"
    return f"{amount} {_interval(price)}"


def _amount(unit_amount: Decimal, currency: str) -> str:
    digits = exponent(currency)
    amount = unit_amount.scaleb(-digits)
    whole = amount == round(amount, digits)
    return f"{f'{amount:,.{digits}f}' if whole else f'{amount:,f}'} {currency.upper()}"


def _interval(price: Price) -> str:
    if price.interval is None:
        return "once"
    return f"every {price.interval_count} {price.interval}s" if price.interval_count > 1 else f"a {price.interval}"


def checked_plans_document(checked: CheckedPlans) -> dict[str, object]:
    identity = checked.identity
    return {
        "stripe_account_id": identity.account_id,
        "livemode": identity.livemode,
        "prices": [_price_document(price) for price in checked.prices],
        "unpriced": [verdict_document(verdict) for verdict in checked.unpriced],
    }


def _plan_document(plan: PricedPlan) -> dict[str, object]:
    return {"plan_id": plan.plan_id, "price_ids": list(plan.price_ids), "origin": plan.origin}


def _price_document(checked: CheckedPrice) -> dict[str, object]:
    price, meter = checked.price, checked.meter
    return {
        "plan_id": checked.plan.plan_id,
        "origin": checked.plan.origin,
        "price_id": checked.price_id,
        "price": price and {**_known(price), "event_name": meter and meter.event_name},
        "faults": [verdict_document(fault) for fault in checked.faults],
    }


def _known(price: Price) -> dict[str, object]:
    """The unit amount as text: it may be a fraction of a minor unit."""
    amount = price.unit_amount
    known = {name: value for name, value in vars(price).items() if name not in ("price_id", "unit_amount")}
    return {**known, "unit_amount_minor": None if amount is None else f"{amount.normalize():f}"}
