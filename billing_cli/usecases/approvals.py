"""Approvals: given to a signed plan by another person, and found again when the plan is carried out."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from billing_cli.domain.approval import (
    APPROVAL_NAMESPACE,
    PLAN_NAMESPACE,
    Approval,
    Signer,
    Terms,
    check_second_person,
    plan_text,
)
from billing_cli.domain.approval_plan import ApprovalPlan
from billing_cli.domain.errors import Refused
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.plan_file import PlanFile
from billing_cli.domain.ports import Database, Signatures
from billing_cli.usecases.patience import database_call


def maker_of(signatures: Signatures, file: PlanFile) -> Signer:
    """Who signed the plan. Raises Refused for a plan that nobody signed."""
    if file.signature is None:
        raise Refused(
            "Nobody signed this plan, so nobody can tell who made it.",
            "The maker writes it with --plan-out and --sign-key.",
        )
    return signatures.verify(plan_text(file.digest), PLAN_NAMESPACE, file.signature)


def approve_plan(
    approved: ApprovedPlan[ApprovalPlan],
    database: Database,
    signatures: Signatures,
    file: PlanFile,
    key: Path,
    hours: int,
    actor: str,
) -> Approval:
    """Signs the terms with `key` and keeps them. Raises Refused where the approver is the maker."""
    plan = approved.plan
    now = datetime.fromisoformat(database.call("billing_now_v1")["now"]).astimezone(UTC)
    expires_at = (now + timedelta(hours=hours)).isoformat(timespec="seconds")
    terms = Terms(f"apr_{secrets.token_hex(12)}", plan.digest, maker_of(signatures, file), expires_at)
    signature = signatures.sign(terms.text(), APPROVAL_NAMESPACE, key)
    approver = signatures.verify(terms.text(), APPROVAL_NAMESPACE, signature)
    check_second_person(terms.maker, approver)
    document = database_call(
        database,
        "billing_approval_add_v1",
        p_approval_id=terms.approval_id,
        p_digest=terms.digest,
        p_command=file.command,
        p_account=plan.identity.account_id,
        p_livemode=plan.identity.livemode,
        p_maker=terms.maker.name,
        p_maker_key=terms.maker.key,
        p_approver=approver.name,
        p_approver_key=approver.key,
        p_signature=signature,
        p_expires_at=terms.expires_at,
        p_actor=actor,
    )
    return Approval.from_document(document)


def verified_approval(database: Database, signatures: Signatures, digest: str) -> Approval | None:
    """The usable approval of a plan. Raises Refused where its signature is not the approver's.

    The database alone is not believed: whoever holds its key could write the row.
    """
    document = database.call("billing_approval_find_v1", p_digest=digest)
    if document is None:
        return None
    approval = Approval.from_document(document)
    signer = signatures.verify(approval.terms.text(), APPROVAL_NAMESPACE, approval.signature)
    if signer != approval.approver:
        raise Refused(
            f"Approval {approval.terms.approval_id} names {approval.approver.name}, but {signer.name} signed it.",
            "Have the plan approved again.",
        )
    check_second_person(approval.terms.maker, signer)
    return approval


def list_approvals(database: Database, limit: int) -> list[Approval]:
    """The latest first."""
    return [Approval.from_document(row) for row in database.call("billing_approvals_list_v1", p_limit=limit)]


def find_approval(database: Database, approval_id: str) -> Approval:
    """Raises BadInput for one that is not there."""
    return Approval.from_document(database.call("billing_approval_show_v1", p_approval_id=approval_id))


def revoke_approval(approved: ApprovedPlan[ApprovalPlan], database: Database, approval_id: str, actor: str) -> Approval:
    """Raises BadInput for one that is used, revoked or unknown."""
    document = database_call(database, "billing_approval_revoke_v1", p_approval_id=approval_id, p_actor=actor)
    return Approval.from_document(document)
