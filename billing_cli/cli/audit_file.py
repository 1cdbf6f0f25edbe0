"""Before a command writes, the audit log is held against BILLING_AUDIT_FILE; afterwards its rows go there too."""

from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import Session
from billing_cli.cli.state import complain
from billing_cli.domain.errors import BillingError, FoundWrong, Refused


def check_audit_file(session: Session) -> None:
    """While nothing is written yet: Misconfigured where the file cannot be appended to, Refused where the log does not
    go on from it. Such a database may be a restored backup, which does not know what was sent since.
    """
    from billing_cli import wiring
    from billing_cli.usecases.audit import send_log

    if path := session.settings.billing_audit_file:
        try:
            send_log(session.database, wiring.audit_file(path))
        except FoundWrong as error:
            raise Refused(f"Nothing was written. {error.message}", error.next_step) from None


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
        complain(*map(session.state.command, (error.message, error.next_step)))
        return code or EXIT_FOUND_WRONG
    return code
