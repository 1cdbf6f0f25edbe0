"""The lines of BILLING_AUDIT_FILE, proved by themselves: each has the hash of its fields, and follows the one before.

The hash is that of billing_audit_hash_v1 in sql/functions/audit.sql, made here, because whoever changed the database
could have changed that function. A test holds both against each other.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from billing_cli.domain.audit import AuditFault, AuditHead, Problem

_ENTRY = "billing.audit-entry/v1"
_FIELDS = {"schema", "rows", "audit_id", "at", "actor", "action", "subject", "details", "previous_hash", "hash"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_fault(lines: Iterable[tuple[int, str]]) -> AuditFault | None:
    """The first of the numbered lines that was changed, or does not follow the row before it.

    Heads alone (of `audit verify --json`) and errors are passed over; the same row again is no fault. Raises ValueError
    for a line that is no line of the audit log.
    """
    before: AuditHead | None = None
    for number, line in lines:
        head = AuditHead.from_line(line)
        if head is None or not _is_entry(line):
            continue
        previous_hash = _previous_hash(line, head)
        if previous_hash is None:
            return AuditFault(head.audit_id, Problem.FILE_CONTENT, None, number)
        if before and head != before and not _follows(head, previous_hash, before):
            return AuditFault(head.audit_id, Problem.FILE_LINK, None, number)
        before = head
    return None


def _follows(head: AuditHead, previous_hash: str, before: AuditHead) -> bool:
    later = head.audit_id > before.audit_id and head.rows == before.rows + 1
    return later and previous_hash == before.hash


def _is_entry(line: str) -> bool:
    return bool(json.loads(line)["schema"] == _ENTRY)


def _previous_hash(line: str, head: AuditHead) -> str | None:
    """The hash that the row names as that of the row before it; None if its own hash is not that of its fields."""
    try:
        fields = json.loads(line, object_pairs_hook=_once, parse_int=_Number, parse_float=_Number)
        if set(fields) != _FIELDS or _sealed(fields) != head.hash:
            return None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return str(fields["previous_hash"])


class _Number(str):
    """A number as it was written: Postgres keeps every digit."""

    __slots__ = ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises ValueError for a name that stands twice, one of which the hash would not cover."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _sealed(fields: Mapping[str, Any]) -> str:
    texts = [fields[name] for name in ("previous_hash", "actor", "action", "subject")]
    texts.insert(1, _epoch(fields["at"]))
    content = f"[{', '.join(map(_jsonb, [*texts, fields['details']]))}]"
    return hashlib.sha256(content.encode()).hexdigest()


def _epoch(at: str) -> str:
    """Seconds as extract(epoch from …) writes them: six digits behind the point."""
    microseconds = (datetime.fromisoformat(at) - _EPOCH) // timedelta(microseconds=1)
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return f"{'-' if microseconds < 0 else ''}{seconds}.{rest:06}"


def _jsonb(value: Any) -> str:
    """As Postgres writes jsonb, whose names are in its order in the file already."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_jsonb(name)}: {_jsonb(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_jsonb, value))}]"
    return json.dumps(value, ensure_ascii=False)
