"""`billing audit`: who did what, and the proof that the log still says so."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.help import CommandGroup
from billing_cli.cli.options import newest_first
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import Session, open_session
from billing_cli.domain.errors import BadInput
from billing_cli.domain.moment import moment

if TYPE_CHECKING:
    from billing_cli.domain.ports import AuditFile

audit_app = CommandGroup("Show who did what, and prove that nobody changed the log.")


@audit_app.command("list")
def list_entries(
    ctx: typer.Context,
    actor: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this person or job did.")] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Only this action; refund.* means all of a kind.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this batch, intent, approval or event.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="From then on: 2h, 3d or 2026-11-24T09:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to then, not including it.")] = None,
    limit: Annotated[int, newest_first(100_000)] = 20,
) -> int:
    """List who did what, newest first.

    Writes: nothing
    Needs: database

    Examples:
    billing audit list --since 3d --actor ana
    billing audit list --subject exp_20261124_023802_d76c4e40
    """
    from billing_cli.render.audit import EntriesView, entry_document
    from billing_cli.usecases.audit import AuditFilter, find_entries

    now = datetime.now(UTC)
    wanted = AuditFilter(
        actor,
        action,
        subject,
        moment(since, "--since", now) if since else None,
        moment(until, "--until", now) if until else None,
    )
    with open_session(ctx) as session:
        found = list(find_entries(session.database, wanted, limit))
        if action and not found:
            _say_which_actions(session, action)
    session.state.emit("audit", {"entries": list(map(entry_document, found))}, EntriesView(found))
    return 0


def _say_which_actions(session: Session, action: str) -> None:
    """Where nothing was ever recorded with the action, which may be a slip."""
    from billing_cli.usecases.audit import AuditFilter, find_entries, newest_actions

    if not list(find_entries(session.database, AuditFilter(action=action), 1)):
        known = ", ".join(newest_actions(session.database)) or "none"
        session.state.err.print(
            f"Nothing was ever recorded as {action!r}. The newest actions are: {known}", style="yellow", soft_wrap=True
        )


@audit_app.command()
def verify(
    ctx: typer.Context,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Heads known earlier; BILLING_AUDIT_FILE if that is set."),
    ] = None,
) -> int:
    """Recompute the chain of hashes, here and in the file, and look for every row of the file; exit 3 if one differs.

    Writes: nothing; where BILLING_AUDIT_FILE is set, that file
    Needs: database

    Examples:
    billing audit verify
    billing audit verify --against /mnt/elsewhere/billing-audit.jsonl
    """
    from billing_cli import wiring
    from billing_cli.render.audit import VerificationView, verification_document
    from billing_cli.usecases.audit import send_log, verify_log, verify_log_and_file

    with open_session(ctx) as session:
        kept = session.settings.billing_audit_file
        source = _known_file(session, against)
        found = verify_log_and_file(session.database, source) if source else verify_log(session.database, ())
        sent = send_log(session.database, wiring.audit_file(kept)) if kept and not found.fault else 0
    place = str(source.path) if source else None
    session.state.emit(
        "audit-verify", verification_document(found, place, sent), VerificationView(found, place, str(kept), sent)
    )
    return EXIT_FOUND_WRONG if found.fault else 0


def _known_file(session: Session, against: Path | None) -> "AuditFile | None":
    from billing_cli import wiring

    if against and not against.is_file():
        kind = f"{against} is no regular file." if against.exists() else f"There is no file {against}."
        raise BadInput(kind, "Check --against.")
    path = against or session.settings.billing_audit_file
    return wiring.audit_file(path) if path else None
