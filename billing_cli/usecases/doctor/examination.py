"""Runs every check, whatever becomes of the others."""

from collections.abc import Iterable, Iterator

from billing_cli.domain.doctor import Check, Finding, Subject
from billing_cli.domain.errors import BillingError, DoesNotFit, NotMigrated
from billing_cli.domain.verdict import Level, Verdict, failed, skipped

_MIGRATE = "billing db migrate --confirm"
_ANEW = (
    "If no other check fails, a function of billing was changed or dropped by hand. To create it again:\n"
    "billing db migrate --confirm"
)

_Told = list[tuple[BillingError | type[BillingError], Check]]


def examine(checks: Iterable[Check]) -> list[Finding]:
    """What each check found, in their order. An error that stops several is told by the first of them."""
    told: _Told = []
    return [Finding(check.name, check.subject, verdict) for check in checks for verdict in _look(check, told)]


def _look(check: Check, told: _Told) -> Iterator[Verdict]:
    try:
        verdicts = list(check.look())
    except BillingError as error:
        teller = _teller(error, told)
        if teller is None:
            told.append((error, check))
            yield failed(error.message, _next_step(error, check))
        else:
            yield skipped(f"Not looked at: {error.message}", f"First settle {teller.name}.")
    except Exception as error:
        # One check that cannot cope must not hide what the others see.
        yield failed(f"A fault in billing itself: {type(error).__name__}.", "Report it, with the name of this check.")
    else:
        if check.explains and any(verdict.level is Level.FAIL for verdict in verdicts):
            told.append((check.explains, check))
        yield from verdicts


def _next_step(error: BillingError, check: Check) -> str:
    """Other commands lead to the doctor if a function is missing or does not fit; it does not lead to itself."""
    if isinstance(error, NotMigrated) and check.explains is NotMigrated:
        return _MIGRATE
    if isinstance(error, NotMigrated | DoesNotFit):
        return _ANEW
    return error.next_step or "Correct it, then run this again."


def _teller(error: BillingError, told: _Told) -> Check | None:
    """Settings are refused anew each time they are asked for; other facts keep their one error."""
    for known, check in told:
        if isinstance(known, type):
            if isinstance(error, known):
                return check
        elif known is error or (check.subject is Subject.ENVIRONMENT and known.message == error.message):
            return check
    return None
