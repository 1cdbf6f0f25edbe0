"""`billing apply`: carry out a saved plan, if it is still what the facts say."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing_cli.cli.adjust import adjust_from
from billing_cli.cli.batches import ResumeCommand, resume_from
from billing_cli.cli.export import ExportCommand, export_from
from billing_cli.cli.input_files import MOST_PLAN_BYTES, read_input_text
from billing_cli.cli.intents import resume_intent_from, resume_intents_from
from billing_cli.cli.invoices import mark_paid_from, mark_uncollectible_from, void_from
from billing_cli.cli.options import (
    ALONE,
    Confirm,
    Rate,
    SendOptions,
    Verify,
    VerifyFor,
    Workers,
    WriteOptions,
    send_options,
)
from billing_cli.cli.refund import refund_from
from billing_cli.cli.refund_status import status_from
from billing_cli.cli.rollback import rollback_from
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.verify import verify_from
from billing_cli.cli.webhook_keep import fetch_from
from billing_cli.cli.write import WriteCommand, carry_out
from billing_cli.domain.errors import BadInput, BillingError, PlanChanged
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.plan import Plan
from billing_cli.domain.plan_request import check_request

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing_cli.domain.plan_file import PlanFile

# Every write command that can be saved, by the name in its plan.
SAVABLE: dict[str, Callable[[Session, Mapping[str, Any], list[str]], WriteCommand[Any]]] = {
    "export": export_from,
    "batches resume": resume_from,
    "batches rollback": rollback_from,
    "batches verify": verify_from,
    "refund": refund_from,
    "refund --status": status_from,
    "adjust": adjust_from,
    "invoices mark-paid": mark_paid_from,
    "invoices void": void_from,
    "invoices mark-uncollectible": mark_uncollectible_from,
    "intents resume": resume_intent_from,
    "intents resume --all": resume_intents_from,
    "webhooks fetch": fetch_from,
}


def apply(
    ctx: typer.Context,
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN.json", help="Written by --plan-out.")],
    workers: Workers = None,
    rate: Rate = None,
    verify: Verify = False,
    verify_for: VerifyFor = 15,
    confirm: Confirm = False,
) -> int:
    """Carry out a saved plan. The facts are loaded again; if anything differs, it is named and refused.

    Without --confirm it only shows the plan. A plan is saved with --plan-out.
    How events are sent is no part of a plan; plans that send some take it here.

    Writes: what the plan says (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing apply plan.json
    LIVE=true billing apply plan.json --confirm
    LIVE=true billing apply plan.json --workers 4 --verify --confirm
    """
    file = load_plan_file(plan_file)
    with open_session(ctx) as session:
        sending = send_options(workers, rate, verify, verify_for)
        command = SavedCommand(session, file, ["apply", str(plan_file)], sending)
        return carry_out(session, command, WriteOptions(confirm, expect=file.digest))


def load_plan_file(path: Path) -> "PlanFile":
    """Raises BadInput in a sentence for anything that is no plan."""
    from billing_cli.domain.plan_file import read_plan_file

    return read_plan_file(read_input_text(path, MOST_PLAN_BYTES, "Make one with --plan-out."))


class SavedCommand:
    """The command that a plan file was made by, refusing any plan but that one."""

    def __init__(self, session: Session, file: "PlanFile", words: list[str], sending: SendOptions = ALONE) -> None:
        self._file = file
        self._command = _sent_as(sending, command_of(session, file, words))
        self.words = [*words, *sending.words]
        self.noun = self._command.noun

    def plan(self) -> Plan:
        try:
            plan: Plan = self._command.plan()
        except BadInput as error:
            raise PlanChanged(f"Plan changed: {error.message}", error.next_step) from None
        check_unchanged(self._file, plan)
        return plan

    def document(self, plan: Plan, gates: Gates) -> dict[str, object]:
        return self._command.document(plan, gates)

    def view(self, plan: Plan, gates: Gates) -> "RenderableType":
        return self._command.view(plan, gates)

    def run(self, approved: ApprovedPlan[Plan]) -> int:
        return self._command.run(approved)


def command_of(session: Session, file: "PlanFile", words: list[str]) -> WriteCommand[Any]:
    """Raises BadInput for a command or a request that this version does not know."""
    if file.command not in SAVABLE:
        raise BadInput(f"Plans of {file.command!r} cannot be applied.", f"Known: {', '.join(SAVABLE)}.")
    check_request(file.command, file.request)
    try:
        return SAVABLE[file.command](session, file.request, words)
    except BillingError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"The request in the plan file is not understood: {error!r}.", "Make the plan anew.") from None


def _sent_as(sending: SendOptions, command: WriteCommand[Any]) -> WriteCommand[Any]:
    """The command, sending as asked. Raises BadInput for one that does not send events, or not so."""
    if sending == ALONE:
        return command
    if isinstance(command, ExportCommand) or (isinstance(command, ResumeCommand) and sending.verify_for_s is None):
        return replace(command, sending=sending)
    raise BadInput(
        f"This plan does not take {', '.join(word for word in sending.words if word.startswith('--'))}.",
        "Plans of 'export' take --workers, --rate and --verify; those of 'batches resume' the first two.",
    )


def check_unchanged(file: "PlanFile", plan: Plan) -> None:
    """Raises PlanChanged naming every difference, BadInput if a value has a type that no plan has there."""
    from billing_cli.domain.plan_file import differences, retyped

    identity = plan.identity
    if (file.stripe_account_id, file.livemode) != (identity.account_id, identity.livemode):
        raise PlanChanged(
            f"Plan changed: it was made for {_account(file.stripe_account_id, file.livemode)}, "
            f"but the key is for {_account(identity.account_id, identity.livemode)}.",
            "Use the key of the plan's account.",
        )
    if wrong := retyped(file.changes, json.loads(json.dumps(plan.changes))):
        raise BadInput(f"The plan file was changed by hand: {wrong} has another type.", "Make the plan anew.")
    if file.digest != plan.digest:
        found = differences(file.changes, dict(plan.changes))
        raise PlanChanged(
            "Plan changed since it was saved:\n" + "\n".join(f"  {line}" for line in found),
            "Make the plan anew and look at it again.",
        )


def _account(account_id: str, livemode: bool) -> str:
    return f"{account_id} ({'live' if livemode else 'test'} mode)"
