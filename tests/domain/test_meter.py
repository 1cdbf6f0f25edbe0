"""Which meter usage goes to."""

from dataclasses import replace

from billing_cli.domain.meter import StripeMeter, route_meters

METER = StripeMeter("api_calls", True, "sum", "customer", "value")


def problems(meters: list[StripeMeter], event_names: dict[str, str] | None = None) -> dict[str, str | None]:
    return {route.meter: route.problem for route in route_meters(meters, event_names or {})}


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
    routes = {route.meter: route.event_name for route in route_meters([METER], {"calls": "api_calls"})}
    assert routes == {"calls": "api_calls", "api_calls": "api_calls"}


def test_a_mapping_to_nowhere_is_a_problem() -> None:
    assert problems([METER], {"calls": "gone"})["calls"] == "no_meter"


def test_an_archived_namesake_does_not_hide_the_active_meter() -> None:
    archived = replace(METER, active=False)
    assert problems([METER, archived]) == problems([archived, METER]) == {"api_calls": None}
    assert problems([archived]) == {"api_calls": "meter_inactive"}


def test_only_plain_sum_meters_are_sent() -> None:
    assert problems([replace(METER, formula="last")]) == {"api_calls": "meter_formula"}
    assert problems([replace(METER, event_time_window="day")]) == {"api_calls": "meter_windowed"}
