"""Every command, loaded, as the generated documents and their tests walk them."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from typing import Any

import typer

from billing_cli.cli.app import app, run
from billing_cli.cli.commands import COMMANDS, load_command


@cache
def root() -> Any:
    """`billing`, with all of its commands. Typer's copy of click is private, so it is walked by attributes alone."""
    command: Any = typer.main.get_command(app)
    command.commands = {name: load_command(name) for name in COMMANDS}
    return command


def leaves() -> dict[str, Any]:
    """What can be run, by the words that call it: `export`, `batches list`."""
    found: dict[str, Any] = {}
    for name, command in root().commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {word}": leaf for word, leaf in below.items()} if below else {name: command}
    return found


def groups() -> dict[str, Any]:
    """What only holds commands; `billing` itself has no name."""
    return {"": root()} | {name: command for name, command in root().commands.items() if hasattr(command, "commands")}


def help_text(words: str, columns: int) -> str:
    """What `billing WORDS --help` prints on a terminal so wide."""
    with _columns(columns), redirect_stdout(io.StringIO()) as shown:
        run([*words.split(), "--help"])
    return shown.getvalue()


@contextmanager
def _columns(columns: int) -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    yield
    os.environ.pop("COLUMNS")
    if before is not None:
        os.environ["COLUMNS"] = before
