"""Writes docs/images/*.svg: what the program shows of fixed facts, as a picture whose text can be selected.

The pictures load nothing: the fonts are those of whoever looks.
"""

import io
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from examples import comparison, money, readiness, usage
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from billing_cli.cli.export import ExportCommand
from billing_cli.cli.money import MoneyCommand
from billing_cli.cli.session import Session
from billing_cli.cli.state import State
from billing_cli.cli.write import show
from billing_cli.domain.gate import Gates
from billing_cli.render.doctor import DoctorView
from billing_cli.render.reconcile import ReportView
from billing_cli.render.terminal import Terminal

IMAGES = Path(__file__).parents[1] / "images"
COLUMNS = 108
CLOSED = Gates(confirm=False, live=False)
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
TEMPLATE = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: {char_height}px; line-height: {line_height}px; white-space: pre }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)


class Camera(Terminal):
    """Breaks what is too long where a terminal does; Rich would cut it off."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        if soft_wrap:
            (text,) = objects
            objects = ("\n".join(text[start : start + COLUMNS] for start in range(0, len(text), COLUMNS)),)
        super().print(*objects, **options)


@dataclass(frozen=True)
class Screen(State):
    """Where a command prints to while its picture is taken."""

    @cached_property
    def console(self) -> Console:
        return Camera(
            record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor",
            legacy_windows=False, highlight=False, markup=False, emoji=False,
        )  # fmt: skip


def pictures() -> dict[str, str]:
    """The content of each file."""
    taken: dict[str, tuple[str, Callable[[Screen], None]]] = {
        "export": (shlex.join(usage.EXPORT_WORDS), _export),
        "refund": (shlex.join(money.REFUND_WORDS), _refund),
        "doctor": ("doctor", lambda screen: screen.emit("doctor", {}, DoctorView(readiness.findings(), 0))),
        "reconcile": (
            "reconcile payments --start 2026-10-01 --end 2026-10-31",
            lambda screen: screen.emit("reconciliation", {}, ReportView(comparison.report())),
        ),
    }
    return {f"{name}.svg": _picture(name, words, run) for name, (words, run) in taken.items()}


def _export(screen: Screen) -> None:
    session, plan = _session(screen), usage.export_plan()
    show(session, ExportCommand(session, plan.wanted, usage.EXPORT_WORDS), plan, CLOSED)


def _refund(screen: Screen) -> None:
    session, plan = _session(screen), money.refund_plan()
    show(session, MoneyCommand(session, "refund", money.REFUND_WORDS, lambda: plan), plan, CLOSED)


def _session(screen: Screen) -> Session:
    """Only to show with: there are neither settings nor a database."""
    return Session(screen, cast(Any, None), cast(Any, None))


def _picture(name: str, words: str, run: Callable[[Screen], None]) -> str:
    screen = Screen()
    screen.console.print(Text(f"$ billing {words}", "bold"))
    run(screen)
    screen.console.print()  # else the last line has no room for its descenders
    svg = screen.console.export_svg(
        title=f"billing {words.split()[0]}", theme=SVG_EXPORT_THEME, code_format=TEMPLATE, unique_id=f"billing-{name}"
    )
    return re.sub(r"\n\s*\n", "\n", "\n".join(line.strip() for line in svg.splitlines())) + "\n"


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, text in pictures().items():
        (IMAGES / name).write_text(text, encoding="utf-8")
