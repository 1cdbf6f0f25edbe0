"""The catalogue: plans, prices, meters and customers fit together, here and at Stripe."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from billing_cli.domain.doctor import Check, Subject
from billing_cli.domain.export_warning import odd_row_warnings
from billing_cli.domain.meter import MeterRoute, MeterRule, StripeMeter, route_meters
from billing_cli.domain.price import CheckedPrice, PricedPlan
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.domain.usage import OddRows
from billing_cli.domain.verdict import Verdict, failed, passed, warned
from billing_cli.usecases.doctor.facts import Fact
from billing_cli.usecases.plans import unpriced_plans

USAGE_HOURS = 48
_REPLACES = {
    None: "it keeps the last value, so the last value of each hour is sent",
    "hour": "event_time_window: hour, so the last event of an hour stands for all of it, and hourly totals are sent",
    "day": "event_time_window: day, so the last event of a day stands for all of it, and whole days' totals are sent",
}


def catalogue_checks(
    plans: Callable[[], Sequence[PricedPlan]],
    prices: Fact[Sequence[CheckedPrice]],
    meters: Fact[list[StripeMeter]],
    rules: Mapping[str, MeterRule],
    companies: Fact[dict[str, Any]],
    usage: Fact[dict[str, Any]],
    expected_skips: Collection[str],
) -> list[Check]:
    """`companies` and `usage` as billing_companies_summary_v1 and billing_doctor_usage_v1 answer."""
    looks = {
        "prices": lambda: priced(prices()),
        "company-plans": lambda: known_plans(plans(), companies()["plans"]),
        "meters": lambda: configured_meters(meters(), rules),
        "usage-meters": lambda: usage_meters(meters(), rules, usage()["meters"]),
        "usage-times": lambda: usage_times(OddRows(**usage()["odd_rows"])),
        "company-customers": lambda: customers(companies(), usage(), expected_skips),
    }
    return [Check(name, Subject.CATALOGUE, look) for name, look in looks.items()]


def priced(prices: Sequence[CheckedPrice]) -> Iterator[Verdict]:
    faults = [fault for price in prices for fault in price.faults]
    yield from faults
    if not faults:
        yield passed(f"{len(prices)} prices exist at Stripe, active and recurring.")


def known_plans(plans: Sequence[PricedPlan], used: Mapping[str, int]) -> Iterator[Verdict]:
    unpriced = unpriced_plans(plans, used)
    yield from unpriced
    if not unpriced:
        yield passed(f"{len(used)} plans are in use, and each has a price.")


def configured_meters(meters: Sequence[StripeMeter], rules: Mapping[str, MeterRule]) -> Iterator[Verdict]:
    """Every active meter of Stripe, and those that billing.toml names."""
    routes = route_meters(meters, rules)
    wanted = [route for route in routes if route.meter in rules or (route.meter and route.problem != "meter_inactive")]
    if not wanted:
        yield failed("Stripe has no active meter, so no usage can be sent.", "Create a meter in Stripe.")
    yield from (_meter(route, route.meter in rules) for route in wanted)


def usage_meters(
    meters: Sequence[StripeMeter], rules: Mapping[str, MeterRule], used: Mapping[str, int]
) -> Iterator[Verdict]:
    routes = {route.meter: route for route in route_meters(meters, rules) if route.meter}
    found = {name: routes[name].problem if name in routes else "no_meter" for name in sorted(used)}
    lost = {name: problem for name, problem in found.items() if problem}
    for name, problem in lost.items():
        yield failed(
            f"{used[name]:,} usage rows of {name} in {USAGE_HOURS} h cannot be sent: {SKIP_REASONS[problem].sentence}.",
            _remedy(problem),
        )
    if not lost:
        yield passed(f"All {len(used)} meters of the usage of {USAGE_HOURS} h are at Stripe.")


def usage_times(odd: OddRows) -> Iterator[Verdict]:
    sentences = [warning.sentence for warning in odd_row_warnings(odd)]
    for sentence in sentences:
        yield warned(sentence, "Correct occurred_at of these rows in billing_usage_events.")
    if not sentences:
        yield passed("All usage rows have a possible time.")


def customers(
    companies: Mapping[str, Any], usage: Mapping[str, Any], expected_skips: Collection[str]
) -> Iterator[Verdict]:
    """A failure where somebody used something that nobody is billed for."""
    lacking, unbilled = companies["without_customer"], usage["without_customer"]
    if "no_customer" in expected_skips or not lacking + unbilled:
        yield passed(f"{companies['companies']:,} companies, {lacking:,} without a Stripe customer.")
    elif unbilled:
        yield failed(
            f"{unbilled:,} companies without a Stripe customer had usage in {USAGE_HOURS} h. Nobody is billed for it.",
            f"Set stripe_customer_id in billing_companies: {_some(usage['examples'], unbilled)}",
        )
    else:
        yield warned(
            f"{lacking:,} companies have no Stripe customer. Their usage would be skipped.",
            f"Set stripe_customer_id in billing_companies: {_some(companies['examples'], lacking)}",
        )


def _meter(route: MeterRoute, is_configured: bool) -> Verdict:
    if route.backend.value == "usage-records":
        return passed(f"{route.meter} goes to the price {route.event_name} as usage records.")
    if route.problem is None:
        how = f"; {_REPLACES[_window(route)]}" if route.replaces else ""
        return passed(
            f"{route.meter}: {route.formula} of {route.value_key} by {route.customer_key}, "
            f"in events named {route.event_name}{how}."
        )
    if not is_configured:
        return passed(f"{route.meter} counts events: usage of that name would be skipped. There may be none.")
    return failed(
        f"{route.meter}, which billing.toml sends to {route.event_name}: {SKIP_REASONS[route.problem].sentence}.",
        _remedy(route.problem),
    )


def _remedy(problem: str) -> str:
    step = SKIP_REASONS[problem].next_step
    return f"{step[0].upper()}{step[1:]}."


def _window(route: MeterRoute) -> str | None:
    if route.formula == "last" and route.bucket == "hour":
        return None
    return route.bucket


def _some(names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {count - 3:,} more" if count > 3 else shown
