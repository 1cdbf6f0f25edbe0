"""The audit log: read, proved against itself and against what is known elsewhere, and sent there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing_cli.domain.audit import AuditEntry, AuditFault, AuditHead, Problem, Verification
from billing_cli.domain.audit_lines import first_fault
from billing_cli.domain.errors import FoundWrong
from billing_cli.domain.ports import AuditFile, Database
from billing_cli.usecases.patience import database_call

_PAGE = 500
# A page is recomputed or sent in a fraction of a second, whatever the log's size.
_CHAIN_PAGE = 2000


@dataclass(frozen=True)
class AuditFilter:
    """Which rows; None is all. `action` may end in `.*`."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def find_entries(database: Database, wanted: AuditFilter, limit: int) -> Iterator[AuditEntry]:
    """The newest first, page by page."""
    arguments: dict[str, object] = {
        "p_actor": wanted.actor,
        "p_action": wanted.action,
        "p_subject": wanted.subject,
        "p_since": wanted.since.isoformat() if wanted.since else None,
        "p_until": wanted.until.isoformat() if wanted.until else None,
    }
    before: int | None = None
    while limit > 0:
        size = min(_PAGE, limit)
        page = database.call("billing_audit_list_v1", **arguments, p_before=before, p_limit=size)
        yield from (AuditEntry(**row) for row in page)
        if len(page) < size:
            return
        before, limit = page[-1]["audit_id"], limit - size


def newest_actions(database: Database) -> list[str]:
    """By name; of the newest page alone, for the whole log may be long."""
    return sorted({entry.action for entry in find_entries(database, AuditFilter(), _PAGE)})


def verify_log(database: Database, known: Iterable[AuditHead]) -> Verification:
    """Recomputes every row of the chain in Postgres, page by page, and looks for every head that is known."""
    heads = sorted(set(known), key=lambda head: (head.audit_id, head.rows, head.hash))
    head, looked_for = None, 0
    while True:
        # A page has no more rows than that: where more heads are near, one of them contradicts the log or another.
        near = heads[looked_for : looked_for + _CHAIN_PAGE]
        arguments = {**_after(head), "p_known": [vars(each) for each in near], "p_limit": _CHAIN_PAGE}
        page = database_call(database, "billing_audit_verify_v1", **arguments)
        if fault := page["fault"]:
            return Verification(None, len(heads), _fault(fault))
        head = AuditHead(**page["head"]) if page["head"] else head
        if page["count"] < _CHAIN_PAGE:
            return Verification(head, len(heads), None)
        looked_for += sum(each.audit_id <= page["head"]["audit_id"] for each in near)


def verify_log_and_file(database: Database, file: AuditFile) -> Verification:
    """The log with every head of the file, and then the file itself: each line's hash, and its place."""
    found = verify_log(database, file.heads())
    fault = found.fault or first_fault(file.lines())
    return Verification(None if fault else found.head, found.known, fault)


def _fault(document: Mapping[str, Any]) -> AuditFault:
    entry = AuditEntry(**document["entry"]) if document["entry"] else None
    return AuditFault(document["audit_id"], Problem(document["problem"]), entry)


def send_log(database: Database, file: AuditFile) -> int:
    """Appends every row that the file lacks; returns how many.

    Raises FoundWrong where the log does not go on from the file's last row.
    """
    with file.appending() as appended:
        head, sent = appended.head, 0
        while True:
            page = database_call(database, "billing_audit_lines_v1", **_after(head), p_limit=_CHAIN_PAGE)
            if not page["continues"]:
                raise FoundWrong(
                    f"The audit log does not go on from where {file.path} ends: rows were changed or removed, or "
                    "this database is a backup that is older than the file, or another one.",
                    f"See: billing audit verify --against {file.path}",
                )
            if page["count"]:
                head = appended.append(page["lines"])
                sent += page["count"]
            if page["count"] < _CHAIN_PAGE:
                return sent


def _after(head: AuditHead | None) -> dict[str, object]:
    return {"p_after": head.audit_id, "p_hash": head.hash, "p_rows": head.rows} if head else {}
