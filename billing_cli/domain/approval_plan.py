"""The plans of approving and revoking; they go through the gate like every write."""

from collections.abc import Mapping
from dataclasses import dataclass

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.approval import Approval
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import Plan, digest_of


@dataclass(frozen=True)
class ApprovalPlan:
    """To approve a plan, under that plan's own digest; or to revoke an approval."""

    command: str
    identity: StripeIdentity
    digest: str
    request: Mapping[str, object]
    changes: Mapping[str, object]
    demands: Demands = NO_DEMANDS
    empty: bool = False


def plan_approval(of: Plan) -> ApprovalPlan:
    return ApprovalPlan("approvals approve", of.identity, of.digest, of.request, of.changes)


def plan_revocation(approval: Approval) -> ApprovalPlan:
    # Stripe is not asked: revoking must work when it cannot be reached.
    identity = StripeIdentity(approval.stripe_account_id, approval.livemode, approval.livemode)
    changes = {"approval_id": approval.terms.approval_id, "state": approval.state}
    digest = digest_of("approvals revoke", identity, changes)
    return ApprovalPlan("approvals revoke", identity, digest, changes, changes, empty=approval.state != "usable")
