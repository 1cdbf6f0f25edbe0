"""After a command that wrote: its rows of the audit log go to BILLING_AUDIT_FILE too."""

from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import Session
from billing_cli.cli.state import complain
from billing_cli.domain.errors import BillingError


def check_audit_file(session: Session) -> None:
    """Raises Misconfigured while nothing is written yet, where the file could not be appended to."""
    from billing_cli import wiring

    if path := session.settings.billing_audit_file:
        wiring.audit_file(path).check()


def send_audit(session: Session, code: int) -> int:
    """The exit code of the command: `code`, or 3 where all went well but for the file. The next command catches up."""
    from billing_cli import wiring
    from billing_cli.usecases.audit import send_log

    path = session.settings.billing_audit_file
    if path is None:
        return code
    try:
        send_log(session.database, wiring.audit_file(path))
    except BillingError as error:
        complain(error.message, error.next_step)
        return code or EXIT_FOUND_WRONG
    return code
