"""Runs every check, whatever becomes of the others."""

from collections.abc import Iterable, Iterator

from billing_cli.domain.doctor import Check, Finding
from billing_cli.domain.errors import BillingError
from billing_cli.domain.verdict import Verdict, failed, skipped


def examine(checks: Iterable[Check]) -> list[Finding]:
    """What each check found, in their order. An error that stops several is told by the first of them."""
    told: dict[str, str] = {}
    return [Finding(check.name, check.subject, verdict) for check in checks for verdict in _look(check, told)]


def _look(check: Check, told: dict[str, str]) -> Iterator[Verdict]:
    """`told`: the check that told of an error, by its message."""
    try:
        verdicts = list(check.look())
    except BillingError as error:
        teller = told.setdefault(error.message, check.name)
        if teller == check.name:
            yield failed(error.message, error.next_step or "Correct it, then run this again.")
        else:
            yield skipped(f"Not looked at: {error.message}", f"First settle {teller}.")
    except Exception as error:
        # One check that cannot cope must not hide what the others see.
        yield failed(f"A fault in billing itself: {type(error).__name__}.", "Report it, with the name of this check.")
    else:
        yield from verdicts
