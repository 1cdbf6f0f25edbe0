"""`billing refund … --status`: what became of refunds that were made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from billing_cli.cli.options import WriteOptions
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out, gates_passed
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.refund_status import FollowPlan

if TYPE_CHECKING:
    from rich.console import RenderableType


def refund_status(ctx: typer.Context, company: str, payment: str, options: WriteOptions) -> int:
    """Shows it, and writes changes down through the gate; exit 3 if one of ours failed or waits for somebody."""
    with open_session(ctx) as session:
        command = StatusCommand(session, company, payment, ["refund", company, payment, "--status"])
        return carry_out(session, command, options) or (EXIT_FOUND_WRONG if command.needs_a_person else 0)


@dataclass
class StatusCommand:
    """`needs_a_person` is known once it has planned."""

    session: Session
    company: str
    payment: str
    words: list[str]
    noun: str = "refund-status"
    needs_a_person: bool = False

    def plan(self) -> FollowPlan:
        from billing_cli import wiring
        from billing_cli.usecases.refund_status import load_refund_status

        reader = wiring.money_reader(self.session.settings)
        plan = load_refund_status(self.session.database, reader, self.company, self.payment)
        self.needs_a_person = plan.needs_a_person
        return plan

    def document(self, plan: FollowPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.refund_status import refund_status_document

        return refund_status_document(plan, gates)

    def view(self, plan: FollowPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.refund_status import RefundStatusView

        return RefundStatusView(plan, gates)

    def run(self, approved: ApprovedPlan[FollowPlan]) -> int:
        from billing_cli.usecases.refund_status import note_refund_status

        note_refund_status(approved, self.session.database, self.session.settings.actor)
        plan, state = self.plan(), self.session.state
        gates = gates_passed(self.session)
        state.emit(self.noun, self.document(plan, gates), self.view(plan, gates))
        return EXIT_FOUND_WRONG if self.needs_a_person else 0


def status_from(session: Session, request: Mapping[str, Any], words: list[str]) -> StatusCommand:
    """The command of a plan file."""
    return StatusCommand(session, request["company_id"], request["payment_id"], words)
