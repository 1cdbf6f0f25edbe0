"""Plans and their prices: held against Stripe, and against the plans that companies have."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.ports import Database, PriceReader
from billing_cli.domain.price import CheckedPlans, CheckedPrice, PricedPlan, PriceRules, price_faults
from billing_cli.domain.verdict import Verdict, failed


def check_plans(
    database: Database, stripe: PriceReader, plans: Sequence[PricedPlan], record_prices: Collection[str]
) -> CheckedPlans:
    """Reads only. `record_prices` are those that billing.toml sends usage records to."""
    identity = stripe.identity()
    prices = check_prices(stripe, plans, identity, stripe.meters(), record_prices)
    used = database.call("billing_companies_summary_v1")["plans"]
    return CheckedPlans(identity, prices, tuple(unpriced_plans(plans, used)))


def check_prices(
    stripe: PriceReader,
    plans: Iterable[PricedPlan],
    identity: StripeIdentity,
    meters: Iterable[StripeMeter],
    record_prices: Collection[str],
) -> tuple[CheckedPrice, ...]:
    """Every price of every plan, as Stripe has it."""
    rules = PriceRules(identity.livemode, {meter.meter_id: meter for meter in meters}, record_prices)

    def checked(plan: PricedPlan, price_id: str) -> CheckedPrice:
        price = stripe.price(price_id)
        meter = rules.meters.get(price.meter_id or "") if price else None
        return CheckedPrice(plan, price_id, price, meter, tuple(price_faults(plan, price_id, price, rules)))

    return tuple(checked(plan, price_id) for plan in plans for price_id in plan.price_ids)


def unpriced_plans(plans: Iterable[PricedPlan], used: Mapping[str, int]) -> list[Verdict]:
    """A failure for every plan that companies have and nobody gave a price; `used` is companies by plan."""
    known = {plan.plan_id for plan in plans}
    return [
        failed(
            f"{_companies(count)} the plan {plan_id!r}, and it has no price.",
            f'Under [plans] in billing.toml, add: "{plan_id}" = "price_…" (names are told apart by case).',
        )
        for plan_id, count in sorted(used.items())
        if plan_id not in known
    ]


def _companies(count: int) -> str:
    return "1 company has" if count == 1 else f"{count:,} companies have"
