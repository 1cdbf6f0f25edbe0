"""What a check found, and the next step."""

import re
from itertools import chain, repeat

from rich.console import Group
from rich.text import Text

from billing_cli.domain.verdict import Verdict
from billing_cli.render.terminal import whole

_COMMAND = re.compile(r"\bbilling |^(chmod|pip|In SQL:) ")


def next_step(verdict: Verdict) -> Group:
    """Below the finding, a line for each of the step's; one with a command in it is never broken."""
    begins = chain(["  → "], repeat("    "))
    return Group(*(_line(begin, line) for begin, line in zip(begins, verdict.next_step.splitlines(), strict=False)))


def _line(begin: str, text: str) -> Text:
    return whole(begin + text, "cyan") if _COMMAND.search(text) else Text(begin + text, "cyan")


def verdict_document(verdict: Verdict) -> dict[str, object]:
    return {"level": verdict.level.value, "says": verdict.says, "next_step": verdict.next_step}
