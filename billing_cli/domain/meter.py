"""Which Stripe meter a usage meter goes to, and whether it can be sent there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StripeMeter:
    """A billing meter as Stripe has it; the payload keys are the meter's own, never assumed."""

    event_name: str
    active: bool
    formula: str
    customer_key: str
    value_key: str
    event_time_window: str | None = None


@dataclass(frozen=True)
class MeterRoute:
    """Where the usage of `meter` goes. `problem` is a skip reason, or None when it can be sent."""

    meter: str
    event_name: str
    customer_key: str
    value_key: str
    formula: str
    problem: str | None


def route_meters(stripe_meters: Iterable[StripeMeter], event_names: Mapping[str, str]) -> list[MeterRoute]:
    """Routes by configured event name, and for every other meter the one whose event name equals it.

    `event_names` maps a usage meter to its Stripe event name (from billing.toml).
    """
    by_event_name: dict[str, StripeMeter] = {}
    for meter in stripe_meters:
        # Stripe allows one active meter per event name; an archived namesake must not hide it.
        if meter.active or meter.event_name not in by_event_name:
            by_event_name[meter.event_name] = meter
    wanted = {name: name for name in by_event_name} | dict(event_names)
    return [_route(meter, wanted[meter], by_event_name.get(wanted[meter])) for meter in sorted(wanted)]


def _route(meter: str, event_name: str, target: StripeMeter | None) -> MeterRoute:
    if target is None:
        return MeterRoute(meter, event_name, "", "", "", "no_meter")
    return MeterRoute(meter, event_name, target.customer_key, target.value_key, target.formula, _problem(target))


def _problem(meter: StripeMeter) -> str | None:
    if not meter.active:
        return "meter_inactive"
    if meter.formula != "sum":
        return "meter_formula"
    if meter.event_time_window is not None:
        return "meter_windowed"
    return None
