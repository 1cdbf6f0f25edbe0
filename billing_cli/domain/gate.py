"""The one gate: nothing is written unless a plan passed through here."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from billing_cli.domain.errors import BadInput, PlanChanged, Refused
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS, Plan

P = TypeVar("P", bound=Plan)
P_co = TypeVar("P_co", bound=Plan, covariant=True)
_MIN_EXPECT_CHARS = 12
_KEY = object()
# Far less than the day in which a plan still names what was done before, and far more than any plan takes to make.
CONFIRMED_FOR_S = 3600


@dataclass(frozen=True)
class Gates:
    """What the operator opened: `--confirm`, `LIVE=true`, and `--expect DIGEST` where given.

    `approval_id` names a second person's approval of this very plan, its signature verified.
    `config` is the billing.toml whose limits held for the plan, in full; None where there is none.
    `given_s_ago`: the seconds since the command was given, by a clock that goes on while the machine sleeps.
    """

    confirm: bool
    live: bool
    expect: str | None = None
    approval_id: str | None = None
    config: str | None = None
    given_s_ago: float = 0.0

    @property
    def open(self) -> bool:
        """Whether both are open that every write needs."""
        return self.confirm and self.live


class ApprovedPlan(Generic[P_co]):
    """A plan that may be carried out. Made by `approve` alone; every writer asks for one."""

    __slots__ = ("approval_id", "plan")

    def __init__(self, plan: P_co, key: object, approval_id: str | None = None) -> None:
        if key is not _KEY:
            raise TypeError("An ApprovedPlan is made by billing_cli.domain.gate.approve only.")
        self.plan = plan
        self.approval_id = approval_id


def check_expected(plan: Plan, gates: Gates) -> None:
    """Refuses a plan that is not the one named by `--expect`, in a dry run too."""
    if gates.expect is None:
        return
    if len(gates.expect) < _MIN_EXPECT_CHARS:
        raise BadInput(f"--expect needs at least {_MIN_EXPECT_CHARS} characters of the digest.")
    if not plan.digest.startswith(gates.expect.lower()):
        raise PlanChanged(
            f"Plan changed: expected digest {gates.expect}, but this plan is {plan.digest[:SHOWN_DIGEST_CHARS]}.",
            "Read the plan shown above, then use its digest.",
        )


def approve(plan: P, gates: Gates) -> ApprovedPlan[P] | None:
    """The plan, approved; None when the operator only asked to see it.

    Raises Refused when `--confirm` was given but another gate is closed, and FoundWrong for a plan that has one.
    """
    if plan.demands.found_wrong:
        raise plan.demands.found_wrong
    check_expected(plan, gates)
    if not gates.confirm:
        return None
    if not gates.live:
        raise Refused(
            "Nothing was written: --confirm was given, but LIVE is not 'true' in the environment.",
            "Set it for one command: LIVE=true billing … --confirm (a .env file does not count).",
        )
    if not plan.identity.agrees:
        raise Refused(
            "Nothing was written: the Stripe key and Stripe disagree on whether this is live mode.",
            "Check STRIPE_SECRET_KEY and STRIPE_API_BASE.",
        )
    if gates.given_s_ago > CONFIRMED_FOR_S:
        hours = gates.given_s_ago / 3600
        raise Refused(
            f"Nothing was written: --confirm was given {hours:.1f} hours ago, and holds for one hour. "
            "This machine has slept since, or reading took that long.",
            "See whether somebody else has done it meanwhile, then run the same command again.",
        )
    _check_demands(plan, gates)
    return ApprovedPlan(plan, _KEY, gates.approval_id)


def _check_demands(plan: Plan, gates: Gates) -> None:
    demands = plan.demands
    if demands.refusal:
        raise Refused(f"Nothing was written: {demands.refusal}", demands.next_step)
    if demands.seen and gates.expect is None:
        digest = plan.digest[:SHOWN_DIGEST_CHARS]
        raise Refused(f"Nothing was written. {demands.seen}", f"To do it again, add: --expect {digest}")
    if demands.second_person and gates.approval_id is None:
        raise Refused(
            f"Nothing was written: a second person has to approve this. {demands.second_person}",
            "Add --plan-out PLAN.json --sign-key KEY; somebody else runs: billing approvals approve PLAN.json",
        )
