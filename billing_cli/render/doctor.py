"""What an examination found: a row for each finding, the next step below it."""

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
        if options.max_width < _NARROW:
            for finding in self.findings:
                yield Text.assemble(_level(finding), " ", (finding.check, "bold"))
                yield Text(f"  {finding.verdict.says}")
                if finding.verdict.next_step:
                    yield next_step(finding.verdict)
        else:
            yield self._table()
        yield _counts(self.findings)
        if self.left_out:
            yield Text(f"{self.left_out} checks need the network and were left out (--offline).", "dim")

    def _table(self) -> Table:
        table = Table(header_style="bold")
        table.add_column("")
        table.add_column("check", no_wrap=True)
        table.add_column("found", overflow="fold")
        for finding in self.findings:
            found = Text(finding.verdict.says)
            if finding.verdict.next_step:
                found.append("\n").append_text(next_step(finding.verdict))
            table.add_row(_level(finding), finding.check, found)
        return table


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
