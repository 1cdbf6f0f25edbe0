"""The file with settings, named with --env-file or lying in the current directory."""

import io
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from billing_cli.domain.errors import Misconfigured
from billing_cli.settings.setting_file import read_setting_file


def read_env_file(named: Path | None, default: Path) -> dict[str, str]:
    """By name in lower case; what has no value is left out. None where nothing was named and there is no `default`.

    Raises Misconfigured in a sentence that names the file, and the line where there is one.
    """
    if named is not None:
        _check(named)
    path = named or default
    if not path.is_file():
        return {}
    try:
        text = read_setting_file(path)
    except UnicodeDecodeError:
        raise Misconfigured(
            f"{path} is no text in UTF-8.", "Name the file with your settings: lines such as NAME=value."
        ) from None
    _refuse_junk(path, text)
    values = dotenv_values(stream=io.StringIO(text))
    return {name.lower(): value for name, value in values.items() if value is not None}


def _check(named: Path) -> None:
    """What was named must be there."""
    if named == Path():
        raise Misconfigured("--env-file names no file.", "Name one; is a variable empty that was to name it?")
    if not named.exists():
        raise Misconfigured(f"There is no file {named}.", "Check --env-file.")
    if not named.is_file():
        kind = "a directory" if named.is_dir() else "no regular file"
        raise Misconfigured(f"{named} is {kind}; settings are read from a file.", "Check --env-file.")


def _refuse_junk(path: Path, text: str) -> None:
    """A line that means nothing may be a setting that somebody believes in."""
    for found in parse_stream(io.StringIO(text)):
        if found.error:
            blank = len(found.original.string) - len(found.original.string.lstrip())
            line = found.original.line + found.original.string[:blank].count("\n")
            raise Misconfigured(
                f"{path}, line {line}, is no setting.", "Write NAME=value there, quote a value that goes on, or add #."
            )
