"""The only place that makes consoles: how wide, in which colours, and that no data gives the terminal orders."""

import os
import re
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# Nobody's window: wide enough for every table to have its columns, and the same wherever a job runs.
PIPE_WIDTH = 120
# C0 but tab and newline, DEL, C1, and what turns the direction of a line around.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def terminal(*, stderr: bool = False, no_color: bool = False, quiet: bool = False) -> Console:
    """stdout's console, or stderr's. Plain text with NO_COLOR, and where TERM says that there is no more than that."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or _is_dumb()
    on_screen = _is_terminal(stderr)
    return Terminal(
        stderr=stderr,
        quiet=quiet,
        width=None if on_screen else _pipe_width(),
        color_system=None if plain else "auto",
        force_terminal=False if plain else None,
        force_interactive=on_screen and not plain,
        highlight=False,
        markup=False,
        emoji=False,
    )


class Terminal(Console):
    """Prints what data says, and does nothing that data says."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def visible(text: str) -> str:
    """Control characters as the pictures of themselves: `␛[2J` clears no screen."""
    return _ORDERS.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def whole(text: str, style: str = "") -> Text:
    """A line that is never broken here, to be copied; the terminal itself wraps what is too long."""
    return Text(text, style, no_wrap=True, overflow="ignore")


def _is_dumb() -> bool:
    return os.environ.get("TERM", "") in ("", "dumb", "unknown") and not os.environ.get("FORCE_COLOR")


def _is_terminal(stderr: bool) -> bool:
    return (sys.stderr if stderr else sys.stdout).isatty()


def _pipe_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else PIPE_WIDTH
