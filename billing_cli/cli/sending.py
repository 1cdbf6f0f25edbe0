"""Sending batches from the command line: progress on stderr, and the workers that help."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from billing_cli.cli.options import SendOptions
from billing_cli.cli.session import Session
from billing_cli.domain.gate import ApprovedPlan, P

if TYPE_CHECKING:
    from billing_cli.usecases.environment import RunEnvironment


@contextmanager
def sending_environment(
    session: Session, approved: ApprovedPlan[P], options: SendOptions
) -> "Iterator[RunEnvironment[P]]":
    """While it is open, progress is shown."""
    from billing_cli import wiring
    from billing_cli.cli.observer import BatchObserver
    from billing_cli.cli.progress import ConsoleProgress

    with ConsoleProgress(session.state, "events settled") as progress:
        environment = wiring.run_environment(session.settings, session.database, approved, BatchObserver(progress))
        environment = replace(environment, most_per_s=options.rate, shares=options.workers is not None)
        if options.workers and options.workers > 1:
            workers = wiring.worker_processes(options.workers - 1, _worker_words(session, options))
            environment = replace(environment, workers=workers)
        yield environment


def _worker_words(session: Session, options: SendOptions) -> list[str]:
    """Each worker is a run like any other: it passes the gates itself, and sends alone."""
    alone = replace(options, workers=1, verify_for_s=None)
    return [*session.state.global_words, "--quiet", "batches", "resume", "{batch}", *alone.words, "--confirm"]
