"""What every command shares: the global options, the two consoles, and the settings."""

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from billing_cli.adapters import clock
from billing_cli.cli.commands import COMMANDS
from billing_cli.cli.log import record_error, record_warning
from billing_cli.cli.secrecy import Secrecy

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from billing_cli.settings import Settings


# A command of ours in a sentence; `billing` alone may be the program that is spoken of.
_QUOTED = re.compile(rf"\bbilling (?=(?:{'|'.join(COMMANDS)})\b)")


@dataclass(frozen=True)
class State:
    """The global options. stdout (`console`) carries results only, stderr (`err`) everything else.

    `printed` names the JSON documents that are out. `given_at` is when the command was given.
    """

    json: bool = False
    quiet: bool = False
    no_color: bool = False
    env_file: Path | None = None
    secrecy: Secrecy = field(default_factory=lambda: Secrecy([], {}), repr=False, compare=False)
    printed: list[str] = field(default_factory=list, compare=False)
    given_at: Sequence[float] = field(default_factory=lambda: clock.readings(), repr=False, compare=False)

    def given_s_ago(self) -> float:
        """The seconds since the command was given, by the clock that went furthest."""
        return max(now - then for now, then in zip(clock.readings(), self.given_at, strict=True))

    @cached_property
    def console(self) -> "Console":
        from billing_cli.render.terminal import terminal

        return terminal(no_color=self.no_color)

    @cached_property
    def err(self) -> "Console":
        from billing_cli.render.terminal import terminal

        return terminal(stderr=True, no_color=self.no_color, quiet=self.quiet)

    @property
    def global_words(self) -> list[str]:
        """The global options that a command quoted to the operator must repeat."""
        return ["--env-file", str(self.env_file)] if self.env_file else []

    def command(self, text: str) -> str:
        """A command, or a sentence that names some, to be typed with the global options of this one."""
        return _QUOTED.sub(lambda _: shlex.join(["billing", *self.global_words]) + " ", text)

    def next_steps(self, commands: Iterable[str]) -> str:
        """Commands to type next, one a line, for `emit`."""
        return "\n".join(f"Next: {self.command(text)}" for text in dict.fromkeys(commands))

    def settings(self) -> "Settings":
        """Raises Misconfigured where they cannot be read, BadInput where an argument holds a secret of theirs."""
        return self.settings_without_config().with_config()

    def settings_without_config(self) -> "Settings":
        """As if there were no billing.toml."""
        from billing_cli.settings import Settings

        settings = Settings.without_config(self.env_file)
        self.secrecy.learn(settings.secrets())
        return settings

    def emit(self, noun: str, document: dict[str, object], renderable: "RenderableType", command: str = "") -> None:
        """Prints the result: one JSON document with --json, else for people.

        `command` is what to type next; it stands on a line of its own, never wrapped, to be copied.
        """
        if self.json:
            self.print_document(noun, document)
        else:
            self.console.print(renderable, crop=False)
            if command:
                self.console.print(command, style="cyan", soft_wrap=True)

    def write(self, text: str) -> None:
        """The text of a file, as it is; on a screen, what would give the terminal orders is made visible."""
        from billing_cli.render.terminal import visible

        typer.echo(visible(text) if sys.stdout.isatty() else text, nl=False)

    def print_error(self, exit_code: int, message: str, next_step: str) -> None:
        """With --json, where nothing else was printed: there is one document always."""
        if self.json and not self.printed:
            from billing_cli.render.documents import error_document

            self.print_document("error", error_document(exit_code, message, next_step))

    def print_document(self, noun: str, document: dict[str, object]) -> None:
        """The one document of this run: whoever fails later adds none."""
        from billing_cli.render import documents

        self.printed.append(noun)
        typer.echo(documents.json_text(noun, document))


def warn(code: str, message: str) -> None:
    """A warning with its code, on stderr; with --quiet too."""
    if record_warning(code, message):
        return
    from billing_cli.render.terminal import terminal

    terminal(stderr=True).print(f"warning: {message} ({code})", style="yellow", soft_wrap=True)


def complain(message: str, next_step: str) -> None:
    """What went wrong and what to do, on stderr; with --quiet too."""
    if record_error(message, next_step):
        return
    from billing_cli.render.terminal import terminal

    err = terminal(stderr=True)
    err.print(f"billing: {message}", style="red", soft_wrap=True)
    if next_step:
        for line in next_step.splitlines():
            err.print(f"         {line}", soft_wrap=True)


def state_of(ctx: typer.Context) -> State:
    state = ctx.find_object(State)
    return state if state is not None else State()
