"""Tables and facts that break no word: an id, a digest or an amount stays whole at any width."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from billing_cli.render.terminal import shown, text_shown

_BOUNDLESS = 100_000
# Left and right of a cell, and the line before the next one.
_AROUND_CELL = 3
# Sentences want as much, and amounts do not want their names out of sight.
_READABLE = 30
_AMOUNTS_WIDTH = 60


class Columns(Table):
    """Columns where every word fits into its own; else `stacked`, or row below row with the names of its columns."""

    def __init__(self, stacked: Iterable[RenderableType] = (), show_footer: bool = False) -> None:
        super().__init__(header_style="bold", show_footer=show_footer)
        self._stacked = tuple(stacked)

    def add_row(self, *cells: RenderableType | None, **attributes: Any) -> None:
        """What a control character is shown as takes room, so it is measured as it is shown."""
        super().add_row(*map(_shown, cells), **attributes)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - _AROUND_CELL * len(self.columns) - 1
        widths = _widths([self._needs(number, console, options) for number in range(len(self.columns))], room)
        if widths is None:
            yield from self._stacked or self._rows_below_rows()
            return
        for column, width in zip(self.columns, widths, strict=True):
            column.width, column.overflow = width, "fold"
        yield from super().__rich_console__(console, options)

    def _needs(self, number: int, console: Console, options: ConsoleOptions) -> Measurement:
        """The longest word of a column, and its longest line."""
        column = self.columns[number]
        cells = [column.header, *column.cells, *([column.footer] if self.show_footer else [])]
        found = [Measurement.get(console, options.update(max_width=_BOUNDLESS), cell) for cell in cells]
        return Measurement(max(each.minimum for each in found), max(each.maximum for each in found))

    def _rows_below_rows(self) -> Iterator[RenderableType]:
        names = [str(column.header) for column in self.columns]
        for first, *others in zip(*(column.cells for column in self.columns), strict=True):
            yield _unbroken(_text(first))
            for name, cell in zip(names[1:], others, strict=True):
                if said := _text(cell):
                    yield Padding(Text.assemble((f"{name}: " if name else "", "dim"), said), (0, 0, 0, 2), expand=False)


@dataclass(frozen=True)
class Facts:
    """Names and what they are, in two columns; a value that would be broken in the second one leaves it."""

    rows: Sequence[tuple[str, str | Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = max(len(name) for name, _ in self.rows)
        for name, value in self.rows:
            text = value if isinstance(value, Text) else Text(value)
            longest = Measurement.get(console, options.update(max_width=_BOUNDLESS), text).minimum
            room = options.max_width - names - 2
            fits = text.cell_len <= room or longest <= room >= _READABLE
            yield _beside(name, text, names) if fits else _below(name, text, options.max_width)


def _shown(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return text_shown(cell)
    return shown(cell) if isinstance(cell, str) else cell


def _widths(needs: Sequence[Measurement], room: int) -> list[int] | None:
    """Every column's longest word, and an even share of what is left, or less where less is needed.

    None where the words do not fit.
    """
    widths = [each.minimum for each in needs]
    left = room - sum(widths)
    if left < 0:
        return None
    by_need = sorted(range(len(needs)), key=lambda number: needs[number].span)
    for rank, number in enumerate(by_need):
        more = min(needs[number].span, left // (len(by_need) - rank))
        widths[number] += more
        left -= more
    return widths


def _beside(name: str, value: Text, names: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", width=names)
    table.add_column(overflow="fold")
    table.add_row(name, value)
    return table


def _below(name: str, value: Text, width: int) -> RenderableType:
    beside = Text.assemble((f"{name}  ", "dim"), value)
    if beside.cell_len <= width:
        return beside
    return Group(Text(name, "dim"), Padding(value, (0, 0, 0, 2), expand=False))


def _unbroken(text: Text) -> Text:
    """A single word that is too long for the terminal is left to it to wrap, so that it can be copied."""
    if " " not in text.plain:
        text.no_wrap, text.overflow = True, "ignore"
    return text


def _text(cell: RenderableType) -> Text:
    """A cell as one line."""
    return Text("  ").join(cell.split("\n")) if isinstance(cell, Text) else Text(str(cell).replace("\n", "  "))


def amounts(head: str | Text, rows: Iterable[tuple[str, str | Text]]) -> Iterator[RenderableType]:
    """A head, and below it names with amounts that end at the right edge."""
    yield head if isinstance(head, Text) else Text(head)
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    yield Constrain(table, _AMOUNTS_WIDTH)
