"""A plan file that was changed at a random place is refused in a sentence, its digest recomputed or not."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_cli.cli.apply import SAVABLE
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.plan import digest_of

from .conftest import Billing
from .test_apply import words

__all__ = ["words"]  # a fixture

DEEP: Any = 1
for _ in range(200):
    DEEP = [DEEP]
ODD: list[Any] = [None, True, False, 0, -1, 1.0, 12.5, float("nan"), float("inf"), 2**63, 10**400, DEEP, [], {}, [1]]
ODD += [{"a": 1}, {"amount_minor": 1.5, "currency": "usd"}]
ODD += ["1000", "", " ", "\x00", "\ud800", "in_1\n", "=1", "usage-records", "2h"]
STRANGE = st.sampled_from(ODD)
Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Every place in a document, the document itself left out."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*path, name)
        yield from places(inner, (*path, name))


def changed(document: dict[str, Any], place: Place, value: Any, how: str) -> dict[str, Any]:
    """A copy with the value at a place exchanged, taken away, or put beside it; its digest fits."""
    copied = copy.deepcopy(document)
    holder: Any = copied
    for name in place[:-1]:
        holder = holder[name]
    if how == "take away":
        del holder[place[-1]]
    elif how == "add" and isinstance(holder, dict):
        holder["added"] = value
    else:
        holder[place[-1]] = value
    return sealed(copied)


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    try:
        identity = StripeIdentity(document["stripe_account_id"], document["livemode"], document["livemode"])
        return {**document, "digest": digest_of(document["command"], identity, document["changes"])}
    except (KeyError, ValueError, RecursionError):
        return document


@pytest.mark.parametrize("name", SAVABLE)
def test_a_plan_changed_anywhere_is_refused_in_a_sentence(
    name: str, words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path, forged = tmp_path / "plan.json", tmp_path / "forged.json"
    assert billing(*words(name), "--plan-out", str(path)).code in (0, 3)
    document = json.loads(path.read_text())
    spots = [place for place in places(document) if place[0] != "digest"]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(spots), STRANGE, st.sampled_from(["exchange", "take away", "add"]))
    def refused(place: Place, value: Any, how: str) -> None:
        forged.write_text(json.dumps(changed(document, place, value, how)))
        answer = billing("apply", str(forged))
        assert answer.code in (0, 2, 3, 4), (place, value, how, answer.stderr)
        assert answer.code in (0, 3) or "\nbilling: " in f"\n{answer.stderr}"

    refused()


AMOUNTS = [1000.0, "1000", True, float("nan"), float("inf"), 10**30, [1000], {"a": 1}, DEEP]


@pytest.mark.parametrize(
    "command", [["apply"], ["approvals", "approve", "--sign-key", "KEY"]], ids=["apply", "approve"]
)
@pytest.mark.parametrize("name", ["adjust", "invoices mark-paid"])
def test_an_amount_that_is_no_whole_number_is_refused_as_usage(
    name: str, command: list[str], words: Callable[[str], list[str]], billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    billing(*words(name), "--plan-out", str(path))
    document = json.loads(path.read_text())
    amounts = [place for place in places(document) if place[-1] == "amount_minor"]
    assert amounts
    for place in amounts:
        for value in AMOUNTS:
            path.write_text(json.dumps(changed(document, place, value, "exchange")))
            answer = billing(*command, str(path))
            assert (answer.code, answer.stderr[:9]) == (2, "billing: "), (place, value)


def test_a_file_that_is_too_large_or_too_deep_is_refused_before_it_is_read_whole(
    billing: Billing, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    for content in (
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"schema": "billing.plan/v1", "request": ' + "[" * 500 + "]" * 500 + "}",
    ):
        path.write_text(content)
        assert billing("apply", str(path)).code == 2
    assert billing("apply", "/dev/zero").code == 2
    assert billing("refund", "--from-csv", "/dev/zero").code == 2
