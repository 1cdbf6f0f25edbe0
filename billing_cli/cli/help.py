"""How help looks: plain text at any width, and at its end examples that are never wrapped, to be copied."""

import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

_DOCSTRING = re.compile(r"(.*)\n\nWrites: (.*)\nNeeds: (.*)\n\nExamples:\n(.*)", re.DOTALL)
_WIDEST, _NARROWEST = 100, 20
_EXIT_USAGE = 2

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose docstring ends with what it writes, what it needs, and its examples, a line each."""

    def __init__(self, name: str | None, *, help: str | None = None, **attributes: Any) -> None:
        found = _DOCSTRING.fullmatch(help or "")
        if found is None:
            raise ValueError(f"The docstring of {name} lacks Writes:, Needs: or Examples:.")
        text, self.writes, self.needs, examples = found.groups()
        self.examples = examples.splitlines()
        super().__init__(name, help=text, **attributes)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As it was; an error knows which command's help tells more."""
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            if getattr(error, "ctx", None) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """COMPANY, where Typer would write {COMPANY}."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl([("Writes", self.writes), ("Needs", self.needs)])
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {example}\n" for example in self.examples))


class Group(TyperGroup):
    """Lists its commands with the whole first paragraph of each.

    Alone it shows its help, which is no result; with --json there is an error to tell instead.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing and not ctx.find_root().params.get("json"):
            typer.echo(ctx.get_help())
            raise typer.Exit(_EXIT_USAGE)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self, ctx, formatter)
        listed = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        _write_list(formatter, "Commands", [(name, purpose(command)) for name, command in listed])


class CommandGroup(typer.Typer):
    """What `@app.command()` makes has help of this kind."""

    def __init__(self, says: str) -> None:
        super().__init__(cls=Group, help=says, rich_markup_mode=None)

    def command(self, name: str | None = None, **attributes: Any) -> Callable[[Function], Function]:
        return super().command(name, cls=Command, **attributes)


def purpose(command: Any) -> str:
    """The first paragraph of its help, in one line."""
    return " ".join(command.help.split("\n\n")[0].split())


def help_columns() -> int:
    """How wide help may be here: the terminal, but for lines too long to read."""
    return max(min(shutil.get_terminal_size().columns, _WIDEST) - 2, _NARROWEST)


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        _write_list(formatter, title, parameter_rows(command, ctx, kind))


def parameter_rows(command: Any, ctx: Any, kind: str) -> list[tuple[str, str]]:
    """How each argument or option is written, and what it means, with its default."""
    params = [param for param in command.get_params(ctx) if param.param_type_name == kind]
    records = [(param, param.get_help_record(ctx)) for param in params]
    # Beside an argument's name, its type says nothing.
    return [(param.metavar if kind == "argument" else row[0], row[1]) for param, row in records if row]


def _write_list(formatter: Any, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """What is longer than a third of the width gets a line of its own."""
    if rows:
        with formatter.section(title):
            fitting = [(_broken(first, formatter.width), second) for first, second in rows]
            formatter.write_dl(fitting, col_max=formatter.width // 3)


def _broken(first: str, width: int) -> str:
    """Choices that are too long for a line go on in the next, none of them broken."""
    lines = textwrap.wrap(first.replace("|", "| "), width - 2, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines).replace("| ", "|")
