"""The `billing` command: its groups, its global options, and the only map from error to exit code."""

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from billing_cli import __version__
from billing_cli.cli.commands import Commands
from billing_cli.cli.completion import answer_quietly
from billing_cli.cli.help import help_columns
from billing_cli.cli.log import bind, logged, refuse_other_formats
from billing_cli.cli.secrecy import Secrecy
from billing_cli.cli.state import State, complain
from billing_cli.cli.streams import lost
from billing_cli.domain import errors

EXIT_CODES: dict[type[errors.BillingError], int] = {
    errors.BadInput: 2,
    errors.FoundWrong: 3,
    errors.Refused: 4,
    errors.PlanChanged: 4,
    errors.Unavailable: 75,
    errors.LockHeld: 75,
    errors.LeaseLost: 75,
    errors.Misconfigured: 78,
    errors.Fault: 1,
}
EXIT_FAULT = 1
EXIT_USAGE = 2
EXIT_PARTLY_DONE = 5
_GLOBAL_OPTIONS = ("--json", "--env-file", "--quiet", "-q", "--no-color", "--version")
# What Typer makes of a KeyboardInterrupt.
_TYPERS_CTRL_C = 130


@dataclass
class _Call:
    """One run. Until its global options are read, `state` is what the words alone tell."""

    state: State


app = typer.Typer(
    name="billing",
    cls=Commands,
    help="Operate Stripe billing on top of Supabase. Every write is shown first, and needs --confirm and LIVE=true.",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        typer.echo(f"billing {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    ctx: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")] = False,
    env_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read settings from this file instead of .env.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR works too).")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    bind(command=ctx.invoked_subcommand or "")
    call: _Call = ctx.obj
    secrecy = call.state.secrecy
    call.state = ctx.obj = State(json=json, quiet=quiet, no_color=no_color, env_file=env_file, secrecy=secrecy)


def run(arguments: list[str]) -> int:
    """One command; the documented exit code. What went wrong is said on stderr, with --json on stdout too.

    No secret is said anywhere.
    """
    secrecy = Secrecy(arguments, os.environ)
    with secrecy.over_streams():
        call = _Call(State(json="--json" in arguments, secrecy=secrecy))
        return logged(lambda: _told(_run(arguments, call)))


def _run(arguments: list[str], call: _Call) -> int:
    try:
        refuse_other_formats()
        call.state.secrecy.refuse_arguments()
        _refuse_orders(arguments)
        columns = help_columns()
        result = app(args=arguments, prog_name="billing", standalone_mode=False, terminal_width=columns, obj=call)
    except errors.BillingError as error:
        code = next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), EXIT_FAULT)
        return _failed(call, code, error.message, error.next_step)
    except TyperException as error:
        return _failed(call, EXIT_USAGE, error.format_message(), _help_for(error))
    except (KeyboardInterrupt, Abort):
        return _interrupted(call)
    except Exception as error:
        if os.environ.get("BILLING_DEBUG") == "true":
            traceback.print_exc()
        message = f"A fault in billing itself: {type(error).__name__}."
        return _failed(call, EXIT_FAULT, message, "Set BILLING_DEBUG=true to see where, and report it.")
    if result == _TYPERS_CTRL_C:
        return _interrupted(call)
    return result if isinstance(result, int) else 0


def _refuse_orders(arguments: list[str]) -> None:
    """A word with control characters could not be shown as it is, nor typed again from what is shown."""
    if all(map(str.isprintable, arguments)):
        return
    from billing_cli.render.terminal import visible

    for number, word in enumerate(arguments, start=1):
        if visible(word) != word:
            raise errors.BadInput(
                f"Word {number} after `billing` has a control character in it: {visible(word)}",
                "Type it again without; it may have come with a copy.",
            )


def complete() -> int:
    """What the shell asks for with `_BILLING_COMPLETE`, on stdout; never anything on stderr."""
    return answer_quietly(lambda: app(args=[], prog_name="billing"))


def _help_for(error: TyperException) -> str:
    option = getattr(error, "option_name", None)
    if option in _GLOBAL_OPTIONS:
        return f"{option} goes before the command: billing {option} …"
    return f"See: {_command_path(error)} --help"


def _command_path(error: TyperException) -> str:
    """The command whose help tells more; `billing` where the words did not get so far."""
    context = getattr(error, "ctx", None)
    return context.command_path if context else "billing"


def _interrupted(call: _Call) -> int:
    next_step = "The same command again is safe and goes on where this one stopped."
    return _failed(call, EXIT_PARTLY_DONE, "Interrupted.", next_step)


def _failed(call: _Call, code: int, message: str, next_step: str) -> int:
    """The exit code, after saying what went wrong."""
    complain(message, next_step)
    call.state.print_error(code, message, next_step)
    return code


def _told(code: int) -> int:
    """The exit code; 78 where all went well, but stdout did not take what was said."""
    why = lost(sys.stdout)
    if why is None:
        return code
    complain(
        f"stdout cannot be written: {why}.",
        "Make room, or write elsewhere. The command went on to its end; billing audit list has what it carried out.",
    )
    return code or EXIT_CODES[errors.Misconfigured]
