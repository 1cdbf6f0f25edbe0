"""Where the usage of a meter goes, how it is added up for it, and whether it can be sent there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from billing_cli.domain.errors import Misconfigured


class Backend(StrEnum):
    """The ways to tell Stripe of usage; the values are those of billing.toml and the database."""

    EVENTS = "events"
    STREAM = "stream"
    USAGE_RECORDS = "usage-records"


@dataclass(frozen=True)
class StripeMeter:
    """A billing meter as Stripe has it; the payload keys are the meter's own, never assumed.

    `event_time_window` (`hour` or `day`) marks a pre-aggregated meter: the last event of a window stands for it all.
    `archived_s` is when it was archived, also if it is active again; None if it is not known.
    """

    event_name: str
    active: bool
    formula: str
    customer_key: str
    value_key: str
    event_time_window: str | None = None
    meter_id: str = ""
    created_s: int | None = None
    archived_s: int | None = None


@dataclass(frozen=True)
class MeterRule:
    """What billing.toml says of a usage meter. `price` and `unit` are for usage records only.

    One unit is `unit` of the usage: with 1000, a usage of 5000 is sent as 5.
    """

    event_name: str | None = None
    backend: Backend | None = None
    price: str | None = None
    unit: Decimal = Decimal(1)


@dataclass(frozen=True)
class MeterRoute:
    """Where the usage of `meter` goes. `problem` is a skip reason, or None when it can be sent.

    `meter` is empty if no usage meter goes there now; corrections of earlier usage do.
    `event_name` is the Stripe meter's, or the id of the price that usage records are for. Usage is taken
    together by `bucket` (`hour` or `day`): its `sum`, or its `last` value. With `replaces`, an event states
    the bucket's whole value in place of the one before. Events from before `meter_created_s` may be at another Stripe
    meter of that event name.
    """

    meter: str
    event_name: str
    customer_key: str
    value_key: str
    formula: str
    problem: str | None
    bucket: str = "hour"
    aggregation: str = "sum"
    replaces: bool = False
    backend: Backend = Backend.EVENTS
    unit: Decimal = Decimal(1)
    meter_id: str = ""
    meter_created_s: int | None = None

    def document(self) -> dict[str, object]:
        """As the database's functions read it."""
        return {**vars(self), "meter": self.meter or None, "backend": self.backend.value, "unit": str(self.unit)}


def route_meters(
    stripe_meters: Iterable[StripeMeter],
    configured: Mapping[str, MeterRule],
    backend: Backend | None = None,
) -> list[MeterRoute]:
    """Routes as configured, and for every other meter the one whose event name equals it.

    `configured` is by usage meter (from billing.toml); `backend` is for all meter events of one run. Event names that
    no usage meter goes to have a route too. Raises Misconfigured if usage meters of one event name differ in backend or
    unit: what they add up to has one of each.
    """
    by_event_name: dict[str, StripeMeter] = {}
    stripe_meters = list(stripe_meters)
    for meter in stripe_meters:
        # Stripe allows one active meter per event name; an archived namesake must not hide it.
        if meter.active or meter.event_name not in by_event_name:
            by_event_name[meter.event_name] = meter
    by_event_name = {name: _since_alone(meter, stripe_meters) for name, meter in by_event_name.items()}
    # The namesake of an event name goes there as the meters that are mapped to it.
    wanted = {rule.event_name: MeterRule(backend=rule.backend) for rule in configured.values() if rule.event_name}
    wanted = {name: wanted.get(name, MeterRule()) for name in by_event_name} | dict(configured)
    routes = [_route(meter, wanted[meter], by_event_name, backend) for meter in sorted(wanted)]
    _refuse_mixed(routes)
    reached = {route.event_name for route in routes}
    unreached = sorted(by_event_name.keys() - reached)
    return routes + [replace(_route(name, MeterRule(), by_event_name, backend), meter="") for name in unreached]


def refuse_stream(routes: Iterable[MeterRoute], meter: str | None) -> None:
    """Raises Misconfigured if usage of `meter` (None: of any) would go over the stream."""
    streamed = [r.meter for r in routes if r.backend is Backend.STREAM and not r.problem and meter in (None, r.meter)]
    if streamed:
        raise Misconfigured(
            f"Usage of {streamed[0]} would go over the meter event stream. Stripe has it in live mode only, and "
            "STRIPE_SECRET_KEY is a test key.",
            "Use a live key, or rehearse by single events: billing export --backend events",
        )


def _since_alone(meter: StripeMeter, all_meters: Iterable[StripeMeter]) -> StripeMeter:
    """As if it were created when the last other meter of its event name was archived.

    An old meter that is active again did not get the events between.
    """
    others = [each for each in all_meters if each.event_name == meter.event_name and each.meter_id != meter.meter_id]
    moments = [each.archived_s for each in others] + [meter.created_s]
    return replace(meter, created_s=max((moment for moment in moments if moment is not None), default=None))


def _refuse_mixed(routes: Iterable[MeterRoute]) -> None:
    first: dict[str, MeterRoute] = {}
    for route in routes:
        other = first.setdefault(route.event_name, route)
        if (route.backend, route.unit) != (other.backend, other.unit):
            raise Misconfigured(
                f"The meters {other.meter} and {route.meter} go to {route.event_name} and differ in backend or unit.",
                f"Give [meters.{other.meter}] and [meters.{route.meter}] in billing.toml the same backend and unit.",
            )


def _route(
    meter: str, config: MeterRule, stripe_meters: Mapping[str, StripeMeter], backend: Backend | None
) -> MeterRoute:
    if config.backend is Backend.USAGE_RECORDS:
        # `set` overwrites the record of an item and a timestamp, so a record states its hour's total.
        return MeterRoute(
            meter, config.price or "", "", "", "sum", None,
            replaces=True, backend=Backend.USAGE_RECORDS, unit=config.unit,
        )  # fmt: skip
    event_name = config.event_name or meter
    target = stripe_meters.get(event_name)
    if target is None:
        return MeterRoute(meter, event_name, "", "", "", "no_meter")
    route = MeterRoute(
        meter, event_name, target.customer_key, target.value_key, target.formula, _problem(target),
        backend=backend or config.backend or Backend.EVENTS, meter_id=target.meter_id,
        meter_created_s=target.created_s,
    )  # fmt: skip
    return replace(
        route,
        bucket=target.event_time_window or "hour",
        aggregation="last" if target.formula == "last" else "sum",
        replaces=target.event_time_window is not None or target.formula == "last",
    )


def _problem(meter: StripeMeter) -> str | None:
    if not meter.active:
        return "meter_inactive"
    # It would count the events of an hour, of which there is one, and not the usage.
    if meter.formula not in ("sum", "last"):
        return "meter_formula"
    return None
