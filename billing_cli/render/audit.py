"""Rows of the audit log, and whether it can be believed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from billing_cli.domain.audit import AuditEntry, Problem, Verification
from billing_cli.render.columns import Columns
from billing_cli.render.terminal import whole


@dataclass(frozen=True)
class EntriesView:
    """A row each; below each other where the terminal is narrow."""

    entries: Sequence[AuditEntry]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.entries:
            yield Text("No rows.")
        else:
            yield _table(self.entries)


def _table(entries: Sequence[AuditEntry]) -> Columns:
    table = Columns(part for entry in entries for part in _lines(entry))
    table.add_column("row", justify="right")
    for name in ("at", "actor", "action, subject", "details"):
        table.add_column(name)
    for entry in entries:
        what = f"{entry.action}\n{entry.subject}"
        table.add_row(str(entry.audit_id), _second(entry), entry.actor, what, Text(_details(entry), "dim"))
    return table


def _lines(entry: AuditEntry) -> Iterator[RenderableType]:
    yield Text.assemble((entry.action, "bold"), f"  {entry.actor}")
    said = f"{_second(entry)}  row {entry.audit_id}\n{entry.subject}\n{_details(entry)}"
    yield Padding(Text(said, "dim", overflow="fold"), (0, 0, 0, 2), expand=False)


def _second(entry: AuditEntry) -> str:
    return f"{entry.at[:10]} {entry.at[11:19]}Z"


def _details(entry: AuditEntry) -> str:
    """`name value`, those without a value left out."""
    return ", ".join(f"{name} {_value(value)}" for name, value in entry.details.items() if value is not None)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def entry_document(entry: AuditEntry) -> dict[str, object]:
    return dict(vars(entry))


@dataclass(frozen=True)
class VerificationView:
    """The head, or the first row that is wrong. `place` was compared with, `kept` got what is new."""

    found: Verification
    place: str | None
    kept: str | None
    sent: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.found.fault:
            yield from self._fault()
            return
        head = self.found.head
        yield Text(f"Intact: {head.rows if head else 0:,} rows.", "bold green")
        if head:
            unused = "; the numbers of writes that were undone stay unused" if head.audit_id != head.rows else ""
            yield Text.assemble(("Head  ", "dim"), f"row {head.audit_id}, the last of {head.rows:,}{unused}")
            yield whole(head.hash, "bold")
        yield self._compared()
        if self.sent:
            yield Text(f"{self.sent:,} new rows were appended to {self.kept}.", "dim")

    def _fault(self) -> RenderResult:
        fault = self.found.fault
        assert fault is not None  # noqa: S101 - asked before
        yield Text(fault.says, "bold red")
        if fault.entry:
            yield Text("It says now:", "dim")
            yield EntriesView([fault.entry])
        if fault.problem in (Problem.MISSING, Problem.DIFFERS):
            yield Text(f'What it said: the line with "audit_id": {fault.audit_id} in {self.place}.', "yellow")
        if fault.line is not None:
            yield Text(f"The database has the row as it was recorded; the file is {self.place}.", "yellow")
        yield Text("Nothing was appended anywhere. Keep the database and its backups as they are.", "yellow")

    def _compared(self) -> Text:
        if self.place is None:
            return Text("Compared with nothing from elsewhere: set BILLING_AUDIT_FILE, or keep the head.", "yellow")
        if not self.found.known:
            return Text(f"{self.place} knew nothing of this log yet.", "yellow")
        return Text(f"All {self.found.known:,} heads in {self.place} were found.", "green")


def verification_document(found: Verification, place: str | None, sent: int) -> dict[str, object]:
    fault = found.fault
    return {
        "intact": fault is None,
        "head": vars(found.head) if found.head else None,
        "against": place,
        "known": found.known,
        "sent": sent,
        "fault": fault
        and {
            "audit_id": fault.audit_id,
            "problem": fault.problem.value,
            "says": fault.says,
            "entry": entry_document(fault.entry) if fault.entry else None,
        },
    }
