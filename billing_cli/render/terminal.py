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
# What takes no room, so that two ids that differ look alike. Joiners, selectors and tags belong to scripts and emoji;
# beside ASCII they have no meaning.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0]"
    "|(?<=[ -~])[\u200c\u200d]+|[\u200c\u200d]+(?=[!-~])"
    "|(?<=[ -~])[\ufe00-\ufe0f](?!\u20e3)|(?<=[ -~])[\U000e0000-\U000e0fff]+"
)


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
        # Before lines are broken, because an escape takes room.
        safe = text_shown(renderable) if isinstance(renderable, Text) else renderable
        for segment in super().render(safe, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)


def visible(text: str) -> str:
    """Control characters as the pictures of themselves: `␛[2J` clears no screen."""
    return _ORDERS.sub(_picture, text)


def shown(text: str) -> str:
    """The same, and characters that nobody would see as escapes: `co_\\u200b1`."""
    return visible(_UNSEEN.sub(_escape, text))


def text_shown(text: Text) -> Text:
    """The same with its styles."""
    if not _UNSEEN.search(text.plain):
        text.plain = visible(text.plain)
        return text
    parts, end = text.blank_copy(), 0
    for found in _UNSEEN.finditer(text.plain):
        parts.append_text(text[end : found.start()]).append(_escape(found))
        end = found.end()
    parts.append_text(text[end:])
    parts.plain = visible(parts.plain)
    return parts


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("ascii", "backslashreplace").decode()


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
