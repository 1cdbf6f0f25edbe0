"""The state of the database's schema."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from billing_cli.domain.deployment import Misfit
from billing_cli.domain.migrations import FileStatus
from billing_cli.domain.verdict import failed
from billing_cli.render.columns import Columns
from billing_cli.render.verdicts import next_step

_STYLES = {
    "applied": "green",
    "pending": "yellow",
    "changed": "yellow",
    "edited": "bold red",
    "unknown": "bold red",
}


def render_statuses(statuses: Iterable[FileStatus]) -> RenderableType:
    table = Columns()
    table.add_column("file")
    table.add_column("state")
    for status in statuses:
        table.add_row(f"sql/{status.name}", Text(status.state, _STYLES[status.state]))
    return table


def render_misfits(misfits: Iterable[Misfit]) -> RenderableType:
    """Each with its next step below it."""
    verdicts = [failed(misfit.says, misfit.next_step) for misfit in misfits]
    return Group(*(line for verdict in verdicts for line in (Text(verdict.says, "bold red"), next_step(verdict))))


def schema_document(statuses: Iterable[FileStatus], misfits: Iterable[Misfit]) -> dict[str, object]:
    return {
        "files": [vars(status) for status in statuses],
        "misfits": [
            {
                "relation": misfit.relation,
                "column": misfit.column,
                "type": misfit.found.type if misfit.found else None,
                "wanted": misfit.wanted,
                "next_step": misfit.next_step,
            }
            for misfit in misfits
        ],
    }
