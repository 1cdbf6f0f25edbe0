"""Plan files: any text is a plan or refused, and every difference is named."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.errors import BadInput
from billing_cli.domain.plan_file import differences, read_plan_file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "actions", "settles"]), JSON, max_size=4)


@given(st.text() | JSON.map(json.dumps) | DOCUMENTS.map(lambda d: json.dumps({"schema": "billing.plan/v1", **d})))
def test_any_text_is_a_plan_or_refused_in_a_sentence(text: str) -> None:
    try:
        read_plan_file(text)
    except BadInput as error:
        assert error.message


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_is_named_exactly_where_there_is_one(before: dict[str, Any], now: dict[str, Any]) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(now, sort_keys=True)
    assert bool(differences(before, now)) == (not same)


def test_differences_say_where_what_was_and_what_is() -> None:
    before = {"actions": [{"amount": 1}, {"amount": 2}], "settles": [], "gone": 1}
    now = {"actions": [{"amount": 3}], "settles": [], "new": 1}
    assert differences(before, now) == [
        "actions[0].amount: 1 was planned, 3 is found",
        "actions[1]: missing now",
        "gone: missing now",
        "new: new",
    ]


def test_a_fact_goes_by_its_name_and_of_several_actions_by_its_payment() -> None:
    def plan(minor: int) -> dict[str, Any]:
        facts = {"refunded so far": {"amount_minor": minor, "currency": "usd"}}
        return {"actions": [{"subject": "pi_1", "facts": facts}, {"subject": "pi_2", "facts": {}}]}

    said = "refunded so far: 3.00 USD was planned, 4.00 USD is found"
    assert differences(plan(300), plan(400)) == [f"pi_1: {said}"]
    assert differences({"actions": plan(300)["actions"][:1]}, {"actions": plan(400)["actions"][:1]}) == [said]


def test_many_differences_are_counted() -> None:
    found = differences({str(n): n for n in range(30)}, {})
    assert len(found) == 21
    assert found[-1] == "… and 10 more"
