"""What a check found, and the next step."""

from rich.text import Text

from billing_cli.domain.verdict import Verdict


def next_step(verdict: Verdict) -> Text:
    return Text(f"  → {verdict.next_step}", "cyan")


def verdict_document(verdict: Verdict) -> dict[str, object]:
    return {"level": verdict.level.value, "says": verdict.says, "next_step": verdict.next_step}
