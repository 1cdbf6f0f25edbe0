"""Which meter usage goes to."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.meter import Backend, MeterRule, StripeMeter, route_meters

METER = StripeMeter("api_calls", True, "sum", "customer", "value")


def problems(meters: list[StripeMeter], rules: dict[str, MeterRule] | None = None) -> dict[str, str | None]:
    return {route.meter: route.problem for route in route_meters(meters, rules or {})}


def test_a_meter_without_an_entry_goes_to_its_namesake_with_that_meters_own_keys() -> None:
    (route,) = route_meters([METER], {})
    assert (route.meter, route.event_name, route.customer_key, route.value_key) == (
        "api_calls",
        "api_calls",
        "customer",
        "value",
    )
    assert route.problem is None


def test_configuration_maps_a_meter_to_another_event_name() -> None:
    routes = {route.meter: route.event_name for route in route_meters([METER], {"calls": MeterRule("api_calls")})}
    assert routes == {"calls": "api_calls", "api_calls": "api_calls"}


def test_a_mapping_to_nowhere_is_a_problem() -> None:
    assert problems([METER], {"calls": MeterRule("gone")})["calls"] == "no_meter"


def test_an_archived_namesake_does_not_hide_the_active_meter() -> None:
    archived = replace(METER, active=False)
    assert problems([METER, archived]) == problems([archived, METER]) == {"api_calls": None}
    assert problems([archived]) == {"api_calls": "meter_inactive"}


@pytest.mark.parametrize(
    ("created", "archived", "alone_since"),
    [(100, None, 100), (100, 250, 250), (300, 250, 300), (None, 250, 250), (None, None, None)],
)
def test_a_meter_has_its_event_name_alone_since_the_last_namesake_was_archived(
    created: int | None, archived: int | None, alone_since: int | None
) -> None:
    used = replace(METER, meter_id="mtr_1", created_s=created, archived_s=50)
    other = replace(METER, active=False, meter_id="mtr_2", archived_s=archived)
    elsewhere = replace(METER, active=False, event_name="other", meter_id="mtr_3", archived_s=900)
    for meters in ([used, other, elsewhere], [other, elsewhere, used]):
        found = {route.event_name: route for route in route_meters(meters, {})}
        assert (found["api_calls"].meter_id, found["api_calls"].meter_created_s) == ("mtr_1", alone_since)


def test_a_meter_that_counts_events_is_a_problem() -> None:
    assert problems([replace(METER, formula="count")]) == {"api_calls": "meter_formula"}


@pytest.mark.parametrize(
    ("meter", "bucket", "aggregation", "replaces"),
    [
        (METER, "hour", "sum", False),
        (replace(METER, event_time_window="hour"), "hour", "sum", True),
        (replace(METER, event_time_window="day"), "day", "sum", True),
        (replace(METER, formula="last"), "hour", "last", True),
        (replace(METER, formula="last", event_time_window="day"), "day", "last", True),
    ],
)
def test_what_an_event_states_follows_from_the_meter(
    meter: StripeMeter, bucket: str, aggregation: str, replaces: bool
) -> None:
    (route,) = route_meters([meter], {})
    assert (route.problem, route.bucket, route.aggregation, route.replaces) == (None, bucket, aggregation, replaces)


def test_a_run_chooses_the_backend_of_meter_events_before_the_configuration() -> None:
    records = MeterRule(backend=Backend.USAGE_RECORDS, price="price_1", unit=Decimal(1000))
    rules = {"api_calls": MeterRule(backend=Backend.STREAM), "seats": records}
    assert [r.backend for r in route_meters([METER], rules)] == [Backend.STREAM, Backend.USAGE_RECORDS]
    assert [r.backend for r in route_meters([METER], rules, Backend.EVENTS)] == [Backend.EVENTS, Backend.USAGE_RECORDS]
    seats = route_meters([METER], rules)[1]
    assert (seats.event_name, seats.replaces, seats.document()["unit"]) == ("price_1", True, "1000")


def test_an_event_name_that_no_usage_meter_goes_to_has_a_route_for_corrections() -> None:
    other = replace(METER, event_name="calls_v2")
    routes = route_meters([METER, other], {"api_calls": MeterRule("calls_v2")})
    assert [(route.meter, route.event_name) for route in routes] == [
        ("api_calls", "calls_v2"),
        ("calls_v2", "calls_v2"),
        ("", "api_calls"),
    ]
    assert routes[-1].document()["meter"] is None


def test_usage_meters_of_one_event_name_must_agree() -> None:
    rules = {"calls": MeterRule("api_calls", Backend.STREAM), "old_calls": MeterRule("api_calls", Backend.EVENTS)}
    with pytest.raises(Misconfigured, match="go to api_calls and differ in backend or unit"):
        route_meters([METER], rules)
    assert len(route_meters([METER], rules, Backend.EVENTS)) == 3


def test_the_namesake_of_an_event_name_goes_as_the_meter_that_is_mapped_to_it() -> None:
    routes = route_meters([METER], {"calls": MeterRule("api_calls", Backend.STREAM)})
    assert {route.meter: route.backend for route in routes} == {"calls": Backend.STREAM, "api_calls": Backend.STREAM}
