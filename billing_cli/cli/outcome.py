"""The exit code of commands that send batches."""

from collections.abc import Sequence

from billing_cli.domain.batch import BatchRun

EXIT_FOUND_WRONG = 3
EXIT_PARTLY_DONE = 5


def exit_code(runs: Sequence[BatchRun], to_mend: bool = False) -> int:
    """5 while something is left to send, 3 when a person has to look, else 0."""
    if any(not run.finished for run in runs):
        return EXIT_PARTLY_DONE
    if to_mend or any(run.batch.rejected or run.batch.ambiguous for run in runs):
        return EXIT_FOUND_WRONG
    return 0
