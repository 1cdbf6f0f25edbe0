"""What became of a download."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from billing_cli.domain.invoice_file import FileState, ManifestLine
from billing_cli.domain.money import Money

_SHOWN = 20
_NAMED = ("invoice_id", "number", "company_id", "company", "status", "file", "sha256", "fingerprint", "state", "reason")
_STYLES = {FileState.FETCHED: "green", FileState.UNCHANGED: "dim", FileState.SKIPPED: "yellow", FileState.FAILED: "red"}


def render_lines(lines: Sequence[ManifestLine], place: str) -> RenderableType:
    """Counts, and every invoice that is not there with the reason."""
    if not lines:
        return Text("There are no invoices in this month.")
    counts = Counter(line.state for line in lines)
    said = [Text(f"{counts[state]:,} {state}", _STYLES[state]) for state in FileState if counts[state]]
    missing = [line for line in lines if line.state in (FileState.SKIPPED, FileState.FAILED)]
    told = [Text(f"{line.invoice_id} {line.state}: {line.reason}", "yellow") for line in missing[:_SHOWN]]
    if len(missing) > _SHOWN:
        told.append(Text(f"… and {len(missing) - _SHOWN} more (see the manifest)", "yellow"))
    return Group(Text("; ").join(said), *told, Text.assemble(("In ", "dim"), place))


def lines_document(lines: Sequence[ManifestLine], place: str) -> dict[str, object]:
    return {"place": place, "invoices": list(map(_line_document, lines))}


def _line_document(line: ManifestLine) -> dict[str, object]:
    """What is empty in the manifest is null."""
    named = {name: getattr(line, name) or None for name in _NAMED}
    total = Money(int(line.total_minor), line.currency).document()
    return {**named, "stripe_customer_id": line.customer or None, "total": total, "created_at": line.created}
