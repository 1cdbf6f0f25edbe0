"""Reading a window side by side: each object once, whatever the times are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.adapters.stripe.sharded import read_sharded
from billing_cli.domain.errors import Unavailable

SINCE, UNTIL = (datetime.fromtimestamp(second, UTC) for second in (1000, 1100))


def pages_of(objects: list[dict[str, Any]], size: int) -> Any:
    """Stripe's list: newest first, of one second the later one first, with cursors."""

    def get(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        created = parameters["created"]
        newest = sorted(objects, key=lambda one: (one["created"], one["id"]), reverse=True)
        found = [one for one in newest if created["gte"] <= one["created"] < created["lt"]]
        if after := parameters.get("starting_after"):
            cursor = next(one for one in objects if one["id"] == after)
            found = [one for one in found if (one["created"], one["id"]) < (cursor["created"], after)]
        return {"data": found[:size], "has_more": len(found) > size}

    return get


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(990, 1110) | st.just(1050), max_size=120), st.integers(1, 7))
def test_every_object_of_the_window_is_read_once_and_in_order_within_a_second(times: list[int], size: int) -> None:
    objects = [{"id": f"{number:04d}", "created": created} for number, created in enumerate(times)]
    read: list[dict[str, Any]] = []
    read_sharded(pages_of(objects, size), SINCE, UNTIL, read.extend)
    inside = [f"{number:04d}" for number, created in enumerate(times) if 1000 <= created < 1100]
    assert sorted(one["id"] for one in read) == inside
    for second in {one["created"] for one in read}:
        ids = [one["id"] for one in read if one["created"] == second]
        assert ids == sorted(ids, reverse=True)


def test_a_page_that_cannot_be_read_fails_the_whole() -> None:
    objects = [{"id": f"{number:04d}", "created": 1000 + number} for number in range(90)]
    get = pages_of(objects, 2)

    def failing(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if parameters["created"]["gte"] > 1020:
            raise Unavailable("no")
        found: Mapping[str, Any] = get(parameters)
        return found

    with pytest.raises(Unavailable):
        read_sharded(failing, SINCE, UNTIL, lambda found: None)
