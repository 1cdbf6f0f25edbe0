"""How every command writes to Stripe, to the tables and to other addresses: plan, show, gate, carry out.

The one command that does not go this way is `db migrate`. A schema belongs to no Stripe account and mode: the SQL files
that are missing are applied with `--confirm` alone, and `LIVE` is not needed.
"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from billing_cli.cli.audit_file import check_audit_file, send_audit
from billing_cli.cli.options import WriteOptions
from billing_cli.cli.session import Session
from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.domain.gate import ApprovedPlan, Gates, approve
from billing_cli.domain.plan import SHOWN_DIGEST_CHARS, Plan

if TYPE_CHECKING:
    from rich.console import RenderableType

P = TypeVar("P", bound=Plan)


class WriteCommand(Protocol[P]):
    """One command with its arguments. `words` are those an operator types to make this plan again."""

    @property
    def noun(self) -> str: ...

    @property
    def words(self) -> list[str]: ...

    def plan(self) -> P: ...

    def document(self, plan: P, gates: Gates) -> dict[str, object]: ...

    def view(self, plan: P, gates: Gates) -> "RenderableType": ...

    def run(self, approved: ApprovedPlan[P]) -> int:
        """Carries the plan out, prints the result, and returns the exit code."""
        ...


def carry_out(session: Session, command: WriteCommand[P], options: WriteOptions) -> int:
    """Plans, shows, and writes if every gate is open. Returns the exit code."""
    plan = command.plan()
    gates = gates_for(session, plan, options)
    if options.plan_out and not plan.demands.found_wrong:
        _write_plan_file(session, plan, options.plan_out, options.sign_key)
    show(session, command, plan, gates)
    approved = approve(plan, gates)
    if approved is None:
        return 0
    check_audit_file(session)
    return send_audit(session, command.run(approved))


def show(session: Session, command: WriteCommand[P], plan: P, gates: Gates) -> None:
    """Prints the plan; not in JSON when it is about to be carried out, for there is one document only."""
    if session.state.json and gates.open:
        return
    nothing_to_type = gates.open or plan.empty or plan.demands.refusal
    next_command = "" if nothing_to_type else _next_command(session, command.words, plan)
    session.state.emit(command.noun, command.document(plan, gates), command.view(plan, gates), next_command)


def gates_for(session: Session, plan: Plan, options: WriteOptions) -> Gates:
    """The operator's gates, with a second person's approval where the plan demands one and it is there."""
    given_s_ago = session.state.given_s_ago()
    gates = Gates(
        options.confirm, session.settings.live, options.expect, config=_config(session), given_s_ago=given_s_ago
    )
    if not plan.demands.second_person:
        return gates
    from billing_cli import wiring
    from billing_cli.usecases.approvals import verified_approval

    signatures = wiring.signatures(session.settings)
    found = verified_approval(session.database, signatures, plan.digest)
    return replace(gates, approval_id=found.terms.approval_id) if found else gates


def gates_passed(session: Session) -> Gates:
    """As they were for a plan that was carried out."""
    return Gates(confirm=True, live=True, config=_config(session))


def _config(session: Session) -> str | None:
    path = session.settings.config_file
    return str(path) if path else None


def _write_plan_file(session: Session, plan: Plan, path: Path, sign_key: Path | None) -> None:
    """Raises BadInput for a place that takes no file, and Misconfigured if there is no room for it."""
    from billing_cli import wiring
    from billing_cli.usecases.plan_files import plan_file_content

    try:
        wiring.check_place(path)
    except Misconfigured as error:
        raise BadInput(error.message, error.next_step) from None
    wiring.write_file(path, plan_file_content(plan, wiring.signatures(session.settings), sign_key))
    session.state.err.print(f"Plan written to {path}.", soft_wrap=True)


def _next_command(session: Session, words: list[str], plan: Plan) -> str:
    digest = plan.digest[:SHOWN_DIGEST_CHARS]
    return "LIVE=true " + shlex.join(["billing", *session.state.global_words, *words, "--confirm", "--expect", digest])
