"""The state of the database's schema."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from billing_cli.domain.migrations import FileStatus
from billing_cli.render.columns import Columns

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


def statuses_document(statuses: Iterable[FileStatus]) -> dict[str, object]:
    return {"files": [vars(status) for status in statuses]}
