"""What the shell offers where an id is due: those in the database of the chosen environment.

Never a word on stderr, a traceback or a long wait: where nothing can be told, nothing is offered.
"""

import io
import os
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, redirect_stderr
from itertools import pairwise
from pathlib import Path

import typer

_AT_MOST = 50
_GIVE_UP_S = 3.0
_HELP_CHARS = 40
# zsh evaluates what it is offered. Ids with other characters are left out, and these are taken out of names,
# which may be a customer's choice.
_ID = re.compile(r"[\w.@+-]+")
_UNSAFE = re.compile(r"[^\w.,@+-]+")
_BREAK = re.compile(r"[=:]+")

Offered = list[tuple[str, str]]


def answer_quietly(answer: Callable[[], object]) -> int:
    """Lets Typer answer the shell; its exit code, which fish asks for, or 0 where it could not."""
    # Help is laid out before it is offered; a second line of it would be offered as a word.
    os.environ["COLUMNS"] = "1000"
    _rejoin_words()
    watchdog = threading.Timer(_GIVE_UP_S, os._exit, (0,))
    watchdog.daemon = True
    watchdog.start()
    try:
        with redirect_stderr(io.StringIO()):
            answer()
    except SystemExit as done:
        return int(done.code or 0)
    except (Exception, KeyboardInterrupt):
        return 0
    finally:
        watchdog.cancel()
    return 0


def _rejoin_words() -> None:
    """bash hands over `--company=co` and `09:00Z` in three words each; Typer expects one, as zsh and fish do."""
    given, current = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0"))
    joined, glued = given[:1], 0
    for number, (before, word) in enumerate(pairwise(given), start=1):
        if _BREAK.fullmatch(before) or _BREAK.fullmatch(word):
            joined[-1] += word
            glued += number <= current
        else:
            joined.append(word)
    os.environ |= {"COMP_WORDS": "\n".join(joined), "COMP_CWORD": str(current - glued)}


def ids(noun: str) -> Callable[[typer.Context, str], Offered]:
    """Completes what names a `noun` as `usecases/completion.py` knows them; of the company named before, if any is."""

    def complete(ctx: typer.Context, incomplete: str) -> Offered:
        from billing_cli import wiring
        from billing_cli.settings import Settings
        from billing_cli.usecases.completion import candidates

        settings = Settings.without_config(_env_file(ctx))
        with closing(wiring.open_database(settings)) as database:
            found = candidates(database, noun, incomplete, _company(ctx), _AT_MOST + 1)
        # Shells type on what all that is offered has in common, which must be what all there is has in common.
        more = [(f"{incomplete}...", "and more, type on")] if len(found) > _AT_MOST else []
        return _safe([*found[:_AT_MOST], *more])

    return complete


def words(*known: str) -> Callable[[str], list[str]]:
    """Completes what is one of `known`."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return complete


def _env_file(ctx: typer.Context) -> Path | None:
    """--env-file as it was typed: the shell has not expanded it yet."""
    given = ctx.find_root().params.get("env_file")
    return Path(os.path.expandvars(given)).expanduser() if given else None


def _company(ctx: typer.Context) -> str | None:
    """The company named before, if any. Where an option still lacks its value, no argument has been read."""
    return ctx.params.get("company") or next(iter(ctx.args), None)


def _safe(found: Iterable[tuple[str, str | None]]) -> Offered:
    return [(id, _UNSAFE.sub(" ", says or "")[:_HELP_CHARS].strip()) for id, says in found if _ID.fullmatch(id)]
