"""`billing approvals`: the second person."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.apply import SavedCommand, load_plan_file
from billing_cli.cli.completion import ids
from billing_cli.cli.help import CommandGroup
from billing_cli.cli.options import Confirm, Expect, WriteOptions, newest_first
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.approval_plan import ApprovalPlan, plan_approval, plan_revocation
from billing_cli.domain.gate import ApprovedPlan, Gates

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing_cli.domain.approval import Approval
    from billing_cli.domain.plan_file import PlanFile

approvals_app = CommandGroup("Approve another person's plan; list and revoke approvals.")
ApproverKey = Annotated[
    Path, typer.Option("--sign-key", metavar="KEY", help="Your SSH key; its public half if an agent holds it.")
]


@approvals_app.command("list")
def list_approvals(
    ctx: typer.Context,
    limit: Annotated[int, newest_first(1000)] = 20,
) -> int:
    """List who approved which plan, until when, and whether it was used.

    Writes: nothing
    Needs: database

    Examples:
    billing approvals list
    billing --json approvals list --limit 100
    """
    from billing_cli.render.approvals import approvals_document, render_approvals
    from billing_cli.usecases.approvals import list_approvals as load

    with open_session(ctx) as session:
        found = load(session.database, limit)
    session.state.emit("approvals", approvals_document(found), render_approvals(found))
    return 0


@approvals_app.command()
def approve(
    ctx: typer.Context,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN.json", help="Signed by the one who made it.")],
    sign_key: ApproverKey,
    confirm: Confirm = False,
    expect: Expect = None,
) -> int:
    """Look at somebody else's plan, and approve exactly this one, once, for a limited time.

    Without --confirm it only shows the plan, made again from the facts of now.

    Writes: database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing approvals approve plan.json --sign-key ~/.ssh/id_ed25519
    LIVE=true billing approvals approve plan.json --sign-key ~/.ssh/id_ed25519 --confirm
    """
    file = load_plan_file(plan_file)
    words = ["approvals", "approve", str(plan_file), "--sign-key", str(sign_key)]
    with open_session(ctx) as session:
        command = ApproveCommand(session, file, sign_key, words)
        return carry_out(session, command, WriteOptions(confirm, expect))


@approvals_app.command()
def revoke(
    ctx: typer.Context,
    approval: Annotated[str, typer.Argument(metavar="APPROVAL", help="apr_…", autocompletion=ids("approvals"))],
    confirm: Confirm = False,
    expect: Expect = None,
) -> int:
    """Take an approval back that was not used yet.

    Without --confirm it only shows its state.

    Writes: database (with --confirm and LIVE=true)
    Needs: database

    Examples:
    billing approvals revoke apr_0123456789abcdef01234567
    LIVE=true billing approvals revoke apr_0123456789abcdef01234567 --confirm
    """
    with open_session(ctx) as session:
        command = RevokeCommand(session, approval, ["approvals", "revoke", approval])
        return carry_out(session, command, WriteOptions(confirm, expect))


class ApproveCommand:
    """Plans the saved command again, and shows it as its maker saw it."""

    noun = "approvals"

    def __init__(self, session: Session, file: "PlanFile", key: Path, words: list[str]) -> None:
        self._session, self._file, self._key = session, file, key
        self._saved = SavedCommand(session, file, words)
        self.words = words

    def plan(self) -> ApprovalPlan:
        from billing_cli import wiring
        from billing_cli.usecases.approvals import maker_of

        self._of = self._saved.plan()
        self._maker = maker_of(wiring.signatures(self._session.settings), self._file)
        return plan_approval(self._of)

    def document(self, plan: ApprovalPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.approvals import approval_plan_document

        return approval_plan_document(plan, gates, self._maker, self._saved.noun, self._saved.document(self._of, gates))

    def view(self, plan: ApprovalPlan, gates: Gates) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        made_by = Text.assemble(("Made by ", "dim"), (self._maker.name, "bold"), f"  {self._maker.key}")
        return Group(made_by, self._saved.view(self._of, gates))

    def run(self, approved: ApprovedPlan[ApprovalPlan]) -> int:
        from billing_cli import wiring
        from billing_cli.usecases.approvals import approve_plan

        settings = self._session.settings
        approval = approve_plan(
            approved,
            self._session.database,
            wiring.signatures(settings),
            self._file,
            self._key,
            settings.config.limits.approval_hours,
            settings.actor,
        )
        return _emit(self._session, approval)


@dataclass(frozen=True)
class RevokeCommand:
    session: Session
    approval_id: str
    words: list[str]
    noun: str = "approvals"

    def plan(self) -> ApprovalPlan:
        from billing_cli.usecases.approvals import find_approval

        return plan_revocation(find_approval(self.session.database, self.approval_id))

    def document(self, plan: ApprovalPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.gates import gates_document

        return {**gates_document(plan, gates), **plan.changes}

    def view(self, plan: ApprovalPlan, gates: Gates) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        from billing_cli.render.gates import render_gates

        said = f"Revoke approval {self.approval_id}, which is {plan.changes['state']}."
        return Group(Text(said, "bold"), render_gates(plan, gates))

    def run(self, approved: ApprovedPlan[ApprovalPlan]) -> int:
        from billing_cli.usecases.approvals import revoke_approval

        actor = self.session.settings.actor
        return _emit(self.session, revoke_approval(approved, self.session.database, self.approval_id, actor))


def _emit(session: Session, approval: "Approval") -> int:
    from billing_cli.render.approvals import approvals_document, render_approvals

    session.state.emit("approvals", approvals_document([approval]), render_approvals([approval]))
    return 0
