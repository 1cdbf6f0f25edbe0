"""The gate, by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput, PlanChanged, Refused
from billing_cli.domain.gate import CONFIRMED_FOR_S, ApprovedPlan, Gates, approve
from billing_cli.domain.limits import NO_DEMANDS, Demands

TEST = StripeIdentity("acct_1", False, False)


@dataclass(frozen=True)
class SomePlan:
    identity: StripeIdentity = TEST
    digest: str = "0123456789abcdef" * 4
    command: str = "some"
    request: Mapping[str, object] = field(default_factory=dict)
    changes: Mapping[str, object] = field(default_factory=dict)
    demands: Demands = NO_DEMANDS
    empty: bool = False


PLAN = SomePlan()


def test_both_gates_open_approve_the_plan() -> None:
    approved = approve(PLAN, Gates(confirm=True, live=True))
    assert approved is not None
    assert approved.plan is PLAN


@pytest.mark.parametrize("live", [True, False])
def test_without_confirm_it_is_a_dry_run(live: bool) -> None:
    assert approve(PLAN, Gates(confirm=False, live=live)) is None


def test_confirm_alone_is_refused() -> None:
    with pytest.raises(Refused, match="LIVE"):
        approve(PLAN, Gates(confirm=True, live=False))


@pytest.mark.parametrize("expect", ["0123456789ab", "0123456789ABCDEF", PLAN.digest])
def test_the_expected_digest_may_be_a_prefix(expect: str) -> None:
    assert approve(PLAN, Gates(True, True, expect)) is not None


@pytest.mark.parametrize("confirm", [True, False])
def test_another_digest_is_refused_in_a_dry_run_too(confirm: bool) -> None:
    with pytest.raises(PlanChanged):
        approve(PLAN, Gates(confirm, True, "f" * 16))


def test_a_confirmation_lapses() -> None:
    assert approve(PLAN, Gates(True, True, given_s_ago=CONFIRMED_FOR_S)) is not None
    with pytest.raises(Refused, match=r"25\.0 hours ago"):
        approve(PLAN, Gates(True, True, given_s_ago=25 * 3600))
    assert approve(PLAN, Gates(False, True, given_s_ago=25 * 3600)) is None


def test_a_short_digest_is_refused() -> None:
    with pytest.raises(BadInput):
        approve(PLAN, Gates(True, True, PLAN.digest[:11]))


def test_a_key_that_disagrees_with_stripe_is_refused() -> None:
    plan = SomePlan(StripeIdentity("acct_1", livemode=True, key_is_live=False))
    with pytest.raises(Refused, match="disagree"):
        approve(plan, Gates(True, True))


def test_nobody_else_makes_an_approved_plan() -> None:
    with pytest.raises(TypeError):
        ApprovedPlan(PLAN, object())


def test_a_ceiling_cannot_be_passed_by_any_gate() -> None:
    plan = SomePlan(demands=Demands(refusal="too much"))
    with pytest.raises(Refused, match="too much"):
        approve(plan, Gates(confirm=True, live=True, expect=PLAN.digest, approval_id="apr_1"))


def test_a_repetition_has_to_name_its_plan() -> None:
    plan = SomePlan(demands=Demands(seen="The same was done."))
    with pytest.raises(Refused, match="The same was done"):
        approve(plan, Gates(confirm=True, live=True))
    assert approve(plan, Gates(confirm=True, live=True, expect=PLAN.digest)) is not None


def test_a_second_person_cannot_be_left_out() -> None:
    plan = SomePlan(demands=Demands(second_person="100 is above 50."))
    with pytest.raises(Refused, match="second person"):
        approve(plan, Gates(confirm=True, live=True, expect=PLAN.digest))
    approved = approve(plan, Gates(confirm=True, live=True, approval_id="apr_1"))
    assert approved is not None
    assert approved.approval_id == "apr_1"


def test_a_dry_run_shows_what_could_not_be_written() -> None:
    assert approve(SomePlan(demands=Demands("too much", "two", "seen")), Gates(confirm=False, live=True)) is None
