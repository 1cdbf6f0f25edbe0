"""What an examination found: a line for each finding, the next step below it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from billing_cli.domain.doctor import Finding
from billing_cli.domain.verdict import Level
from billing_cli.render.verdicts import next_step, verdict_document

_STYLES = {Level.PASS: "green", Level.SKIP: "dim", Level.WARN: "yellow", Level.FAIL: "bold red"}
_NARROW = 72


@dataclass(frozen=True)
class DoctorView:
    """All findings, then the counts. `left_out`: how many checks were not run because of --offline."""

    findings: Sequence[Finding]
    left_out: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = max((len(finding.check) for finding in self.findings), default=0)
        for finding in self.findings:
            yield _side_by_side(finding, names) if options.max_width >= _NARROW else _below(finding)
            if finding.verdict.next_step:
                yield next_step(finding.verdict)
        yield _counts(self.findings)
        if self.left_out:
            yield Text(f"{self.left_out} checks need the network and were left out (--offline).", "dim")


def _side_by_side(finding: Finding, names: int) -> Table:
    """No lines around it: the next step stands below at full width, where a command has room."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in (4, names):
        table.add_column(width=width)
    table.add_column(overflow="fold")
    table.add_row(_level(finding), Text(finding.check, "bold"), finding.verdict.says)
    return table


def _below(finding: Finding) -> Text:
    return Text.assemble(_level(finding), " ", (finding.check, "bold"), f"\n  {finding.verdict.says}")


def doctor_document(findings: Sequence[Finding], left_out: int) -> dict[str, object]:
    return {
        "counts": _by_level(findings),
        "left_out": left_out,
        "findings": [
            {"check": finding.check, "subject": finding.subject.value, **verdict_document(finding.verdict)}
            for finding in findings
        ],
    }


def _level(finding: Finding) -> Text:
    level = finding.verdict.level
    return Text(level.value, _STYLES[level])


def _counts(findings: Sequence[Finding]) -> Text:
    counts = _by_level(findings)
    text = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    worst = max((finding.verdict.level for finding in findings), key=list(Level).index, default=Level.PASS)
    return Text(text, _STYLES[worst])


def _by_level(findings: Sequence[Finding]) -> dict[str, int]:
    found = Counter(finding.verdict.level for finding in findings)
    return {level.value: found[level] for level in Level}
