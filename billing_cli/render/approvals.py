"""Approvals, as a table and as a JSON document."""

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from billing_cli.domain.approval import Approval, Signer
from billing_cli.domain.gate import Gates
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS, Plan
from billing_cli.render.columns import Columns
from billing_cli.render.documents import document
from billing_cli.render.gates import gates_document

_STYLES = {"usable": "green", "used": "dim", "revoked": "red", "expired": "yellow"}


def render_approvals(approvals: Sequence[Approval]) -> RenderableType:
    table = Columns(map(_line, approvals))
    for name in ("approval, plan", "command", "by", "for", "state"):
        table.add_column(name)
    for approval in approvals:
        table.add_row(
            f"{approval.terms.approval_id}\n{approval.terms.digest[:SHOWN_DIGEST_CHARS]}",
            approval.command,
            approval.approver.name,
            approval.terms.maker.name,
            Text(_state(approval), _STYLES[approval.state]),
        )
    return table if table.row_count else Text("There are no approvals.")


def _line(approval: Approval) -> Text:
    terms = approval.terms
    plan = f"{approval.command} {terms.digest[:SHOWN_DIGEST_CHARS]}"
    return Text.assemble(
        *((terms.approval_id, "bold"), f"\n  {plan}\n  {approval.approver.name} for {terms.maker.name}\n  "),
        (_state(approval), _STYLES[approval.state]),
    )


def _state(approval: Approval) -> str:
    if approval.state == "usable":
        return f"until {approval.terms.expires_at[:16]}Z"
    return f"used for {approval.used_for}" if approval.used_for else approval.state


def approval_plan_document(
    plan: Plan, gates: Gates, maker: Signer, noun: str, fields: Mapping[str, object]
) -> dict[str, object]:
    """To approve a plan: whose it is, and the plan's own document under its own name."""
    return {**gates_document(plan, gates), "maker": vars(maker), "plan": document(noun, fields)}


def approvals_document(approvals: Sequence[Approval]) -> dict[str, object]:
    return {
        "approvals": [
            {
                "approval_id": approval.terms.approval_id,
                "digest": approval.terms.digest,
                "maker": vars(approval.terms.maker),
                "expires_at": approval.terms.expires_at,
                "approver": vars(approval.approver),
                **{
                    name: getattr(approval, name)
                    for name in ("command", "stripe_account_id", "livemode", "state", "approved_at", "used_for",
                                 "revoked_by")
                },
            }
            for approval in approvals
        ]
    }  # fmt: skip
