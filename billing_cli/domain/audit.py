"""The audit log: its rows, the head that seals them, and what can be wrong with the chain."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, and when; `hash` seals it and, by `previous_hash`, every row before it."""

    audit_id: int
    at: str
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class AuditHead:
    """Up to which row a log is known: `rows` counts the rows up to it. The same hash means the same rows."""

    audit_id: int
    hash: str
    rows: int

    @classmethod
    def from_line(cls, line: str) -> "AuditHead | None":
        """Of a line of BILLING_AUDIT_FILE, or of what `audit verify` printed with --json; None where that had none.

        Raises ValueError for anything else.
        """
        try:
            document = json.loads(line)
            if document["schema"] == "billing.error/v1":
                return None
            if document["schema"] not in ("billing.audit-entry/v1", "billing.audit-verify/v1"):
                raise ValueError("something else")
            head = document["head"] if document["schema"] == "billing.audit-verify/v1" else document
            return None if head is None else cls(_count(head["audit_id"]), _hash(head["hash"]), _count(head["rows"]))
        except (KeyError, TypeError, RecursionError):
            raise ValueError("no head of the audit log") from None


def _count(value: object) -> int:
    if type(value) is not int or not 0 < value < 2**63:
        raise ValueError("no number of a row")
    return value


def _hash(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{1,64}", value):
        raise ValueError("no hash")
    return value


class Problem(StrEnum):
    """What is wrong with the first row that is wrong."""

    CONTENT = "content"
    LINK = "link"
    MISSING = "missing"
    DIFFERS = "differs"
    RENUMBERED = "renumbered"
    FILE_CONTENT = "file-content"
    FILE_LINK = "file-link"


@dataclass(frozen=True)
class AuditFault:
    """The first row that is wrong; `entry` is None if there is none of that id, or `line` of the file is at fault."""

    audit_id: int
    problem: Problem
    entry: AuditEntry | None
    line: int | None = None

    @property
    def says(self) -> str:
        """A sentence for the operator."""
        place = f"line {self.line} of the file"
        return {
            Problem.CONTENT: f"Row {self.audit_id} was changed: its hash is not that of what it says.",
            Problem.LINK: f"Row {self.audit_id} does not follow the row before it: "
            "rows were removed, inserted, moved or written anew there.",
            Problem.MISSING: f"Row {self.audit_id} is gone: it was there when it was written down elsewhere.",
            Problem.DIFFERS: f"Row {self.audit_id} is not what it was when it was written down elsewhere.",
            Problem.RENUMBERED: f"Row {self.audit_id} has a number that was never given out: rows were renumbered.",
            Problem.FILE_CONTENT: f"Row {self.audit_id}, {place}, was changed: its hash is not that of its fields.",
            Problem.FILE_LINK: f"Row {self.audit_id}, {place}, does not follow the line before it: "
            "lines were removed, inserted or moved there.",
        }[self.problem]


@dataclass(frozen=True)
class Verification:
    """`head` is None for a log without rows, and for one that is not intact; `known` counts the heads compared."""

    head: AuditHead | None
    known: int
    fault: AuditFault | None
