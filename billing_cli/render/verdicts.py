"""What a check found, and the next step."""

import re

from rich.text import Text

from billing_cli.domain.verdict import Verdict
from billing_cli.render.terminal import whole

_COMMAND = re.compile(r"(LIVE=true )?billing |chmod |pip |In SQL: ")


def next_step(verdict: Verdict) -> Text:
    """On a line of its own; where that is a command, it is never broken."""
    text = f"  → {verdict.next_step}"
    return whole(text, "cyan") if _COMMAND.match(verdict.next_step) else Text(text, "cyan")


def verdict_document(verdict: Verdict) -> dict[str, object]:
    return {"level": verdict.level.value, "says": verdict.says, "next_step": verdict.next_step}
