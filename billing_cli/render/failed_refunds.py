"""Lines of a file whose refunds were made before, and failed at the bank or wait for somebody."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from billing_cli.domain.money_plan import FailedLine
from billing_cli.render.intents import intent_document
from billing_cli.render.money import shown

_SHOWN = 50


def failed_lines(failed: Sequence[FailedLine]) -> Iterator[Text]:
    """Each with the reason, and what to do; nothing if there are none."""
    if not failed:
        return
    count = "1 refund of an earlier run needs" if len(failed) == 1 else f"{len(failed):,} refunds of earlier runs need"
    yield Text(f"{count} you:", "bold red")
    for line in failed[:_SHOWN]:
        yield Text(_line(line), "red")
    if len(failed) > _SHOWN:
        yield Text(f"… and {len(failed) - _SHOWN:,} more (all in --json)", "red")
    if any(line.intent.is_reversed for line in failed):
        yield Text(
            "The money of failed ones is on the Stripe balance again: give it another way. For another try, write a "
            "note on the line.",
            "red",
        )


def _line(line: FailedLine) -> str:
    intent, reason = line.intent, f": {line.intent.error}" if line.intent.error else ""
    place = f"  line {line.line_number}, " if line.line_number else "  "
    made = f"{place}{intent.subject}  {shown(intent.money)}  {intent.stripe_object_id}"
    return f"{made}\n    {intent.stripe_status}{reason}"


def failed_documents(failed: Sequence[FailedLine]) -> list[dict[str, object]]:
    return [{**intent_document(line.intent), "line_number": line.line_number} for line in failed]
