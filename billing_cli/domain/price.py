"""What a plan costs: the prices configured for it, and what is wrong with one at Stripe."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.verdict import Verdict, failed


@dataclass(frozen=True)
class PricedPlan:
    """A plan as `billing_companies.plan_id` names it. `origin`: the variable, or the file, that says its prices."""

    plan_id: str
    price_ids: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Price:
    """A price as Stripe has it. `unit_amount` in minor units, with a fraction perhaps; None where it is tiered.

    `interval` is None for a price that is paid once; `meter_id` for one that no meter measures.
    """

    price_id: str
    active: bool
    livemode: bool
    currency: str
    unit_amount: Decimal | None
    interval: str | None
    interval_count: int
    metered: bool
    meter_id: str | None


@dataclass(frozen=True)
class PriceRules:
    """What a price is held against. `record_prices`: those of usage records, which are metered without a meter."""

    livemode: bool
    meters: Mapping[str, StripeMeter]
    record_prices: Collection[str]

    @property
    def mode(self) -> str:
        return "live" if self.livemode else "test"


@dataclass(frozen=True)
class CheckedPrice:
    """One price of a plan; `faults` holds all that is wrong with it."""

    plan: PricedPlan
    price_id: str
    price: Price | None
    meter: StripeMeter | None
    faults: tuple[Verdict, ...]


@dataclass(frozen=True)
class CheckedPlans:
    """Every price held against Stripe; `unpriced` are the plans that companies have and nobody gave a price."""

    identity: StripeIdentity
    prices: tuple[CheckedPrice, ...]
    unpriced: tuple[Verdict, ...]

    @property
    def faults(self) -> tuple[Verdict, ...]:
        return (*(fault for price in self.prices for fault in price.faults), *self.unpriced)


def price_faults(plan: PricedPlan, price_id: str, price: Price | None, rules: PriceRules) -> Iterator[Verdict]:
    """Everything that is wrong with one price of a plan; nothing where all is well."""
    named = f"{price_id} of plan {plan.plan_id}"
    if price is None:
        yield failed(
            f"Stripe has no price {named} in {rules.mode} mode.",
            f"Correct {plan.origin}. A price of the other mode is not seen with this key.",
        )
        return
    if price.livemode != rules.livemode:
        yield failed(f"The price {named} is not of {rules.mode} mode.", f"Set the {rules.mode} price in {plan.origin}.")
    if not price.active:
        yield failed(f"The price {named} is archived.", f"Activate it in Stripe, or set another in {plan.origin}.")
    if price.interval is None:
        yield failed(f"The price {named} is paid once.", f"Set a recurring price in {plan.origin}.")
    yield from _meter_faults(named, price, rules)


def _meter_faults(named: str, price: Price, rules: PriceRules) -> Iterator[Verdict]:
    if price.meter_id is not None:
        meter = rules.meters.get(price.meter_id)
        if meter is None:
            yield failed(
                f"The meter {price.meter_id} of the price {named} is not among Stripe's meters.",
                "Create a price with a meter that exists, and configure that one.",
            )
        elif not meter.active:
            yield failed(
                f"The meter {meter.event_name} of the price {named} is archived.", "Reactivate the meter in Stripe."
            )
    elif price.metered and price.price_id not in rules.record_prices:
        yield failed(
            f"The price {named} is metered and has no meter, so no usage reaches it.",
            'Use a price with a meter, or name it under [meters] with backend = "usage-records".',
        )
