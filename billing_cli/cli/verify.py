"""`billing batches verify`: did Stripe count what it took?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from billing_cli.cli.options import BatchId, Confirm, Expect, PlanOut, SignKey, WriteOptions
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.batch import BatchRun
from billing_cli.domain.export import ExportPlan
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.verify_plan import VerifyPlan

if TYPE_CHECKING:
    from rich.console import RenderableType


def verify(
    ctx: typer.Context,
    batch_id: BatchId,
    again: Annotated[bool, typer.Option("--again", help="Also what was verified before.")] = False,
    resend_missing: Annotated[
        bool, typer.Option("--resend-missing", help="Let the next export send what has been missing for 23 hours.")
    ] = False,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Compare a batch with Stripe's own totals, per customer, meter and hour; exit 3 on anything wrong.

    Without --confirm it only compares. With it, what was found, is missing or was rejected is written down.

    Exit 5: Stripe's totals may still lag; the same command again goes on.

    Writes: database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing batches verify exp_20261124_023802_d76c4e40
    LIVE=true billing batches verify exp_20261124_023802_d76c4e40 --confirm
    """
    from billing_cli.cli.outcome import verified_exit_code

    with open_session(ctx) as session:
        words = ["batches", "verify", batch_id]
        words += (["--again"] if again else []) + (["--resend-missing"] if resend_missing else [])
        command = VerifyCommand(session, batch_id, again, resend_missing, words)
        code = carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))
        return code or verified_exit_code([command.planned])


@dataclass(frozen=True)
class VerifyCommand:
    session: Session
    batch_id: str
    again: bool
    resend_missing: bool
    words: list[str]
    noun: str = "batch-verify"

    @cached_property
    def planned(self) -> VerifyPlan:
        from billing_cli import wiring
        from billing_cli.cli.observer import TotalsObserver
        from billing_cli.cli.progress import ConsoleProgress

        session = self.session
        with ConsoleProgress(session.state, "totals read") as progress:
            observer = TotalsObserver(progress, wiring.LISTS_PER_S)
            verifier = wiring.verifier(session.settings, session.database, observer)
            return verifier.plan(self.batch_id, self.again, self.resend_missing)

    def plan(self) -> VerifyPlan:
        return self.planned

    def document(self, plan: VerifyPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.verify import verify_document

        return verify_document(plan, gates)

    def view(self, plan: VerifyPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.verify import VerifyPlanView

        return VerifyPlanView(plan, gates, self.session.state.command)

    def run(self, approved: ApprovedPlan[VerifyPlan]) -> int:
        from billing_cli.cli.outcome import verified_exit_code
        from billing_cli.render.verify import VerifiedView, next_verifications, verified_document
        from billing_cli.usecases.verifying import apply_verification

        session = self.session
        verified = apply_verification(approved, session.database, session.settings.actor)
        next_steps = session.state.next_steps(next_verifications([verified]))
        session.state.emit(self.noun, verified_document(verified), VerifiedView(verified), next_steps)
        return verified_exit_code([verified])


def wait_for_totals(
    session: Session, approved: ApprovedPlan[ExportPlan], runs: Sequence[BatchRun], for_s: float
) -> list[VerifyPlan]:
    """What Stripe's totals say of exported batches, `for_s` seconds later at the latest."""
    from billing_cli import wiring
    from billing_cli.cli.observer import PollObserver
    from billing_cli.cli.progress import ConsoleProgress
    from billing_cli.usecases.verifying import await_verification, to_verify

    settings, give_up_at = session.settings, time.monotonic() + for_s
    batches = to_verify(approved.plan, runs, session.database)
    verifier = wiring.verifier(settings, session.database, PollObserver())
    with ConsoleProgress(session.state, "events found in Stripe's totals") as progress:
        progress.begin(sum(batch.accepted for batch in batches))
        return [
            await_verification(
                approved, verifier, batch.batch_id, settings.actor, give_up_at - time.monotonic(), progress.advance
            )
            for batch in batches
        ]


def verify_from(session: Session, request: Mapping[str, Any], words: list[str]) -> VerifyCommand:
    """The command of a plan file."""
    return VerifyCommand(session, request["batch"], request["again"], request["resend_missing"], words)
