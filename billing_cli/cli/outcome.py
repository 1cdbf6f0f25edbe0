"""The exit code of commands that carry something out."""

from collections.abc import Sequence

from billing_cli.domain.batch import BatchRun
from billing_cli.domain.errors import LockHeld
from billing_cli.domain.rollback import Rollback
from billing_cli.domain.verify_plan import VerifyPlan
from billing_cli.usecases.moving import Moved

EXIT_FOUND_WRONG = 3
EXIT_PARTLY_DONE = 5


def exit_code(runs: Sequence[BatchRun], to_mend: bool = False, verified: Sequence[VerifyPlan] = ()) -> int:
    """5 while something is left to send, 3 when a person has to look, 5 while totals may lag, else 0."""
    if any(not run.finished for run in runs):
        return EXIT_PARTLY_DONE
    if to_mend or any(run.batch.rejected or run.batch.ambiguous or run.batch.missing for run in runs):
        return EXIT_FOUND_WRONG
    return verified_exit_code(verified)


def verified_exit_code(plans: Sequence[VerifyPlan]) -> int:
    """3 where Stripe's totals show anything wrong, 5 while they may lag or something is left to send, else 0."""
    if any(plan.comparison.wrong for plan in plans):
        return EXIT_FOUND_WRONG
    return EXIT_PARTLY_DONE if any(plan.comparison.later or plan.batch.left for plan in plans) else 0


def rollback_exit_code(ended: Rollback) -> int:
    """5 while something is left to cancel, 3 when something stays billed, or may, else 0."""
    if not ended.run.finished:
        return EXIT_PARTLY_DONE
    return EXIT_FOUND_WRONG if ended.kept else 0


def moved_exit_code(moved: Sequence[Moved], unserved: bool, failed: bool = False) -> int:
    """5 while something is open, 3 when a person has to look, else 0. Raises LockHeld where all is held by others.

    `failed`: refunds of an earlier run failed at the bank.
    """
    still_open = [each for each in moved if each.intent.is_open]
    if still_open and all(each.held_by for each in moved):
        what = still_open[0].intent.subject if len(still_open) == 1 else f"all {len(still_open):,} of these"
        raise LockHeld(
            f"Another run ({still_open[0].held_by}) is at work on {what}.",
            f"Wait for it, then run this again. It is let go in {still_open[0].intent.claim_left_s} s at the latest.",
        )
    if still_open or unserved:
        return EXIT_PARTLY_DONE
    return EXIT_FOUND_WRONG if failed or any(each.intent.needs_a_person for each in moved) else 0
