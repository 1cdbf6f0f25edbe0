"""The directory of a sandbox: made for `up`, and named in the commands that are quoted."""

import shlex
from pathlib import Path

from billing_cli.domain.errors import BadInput

DEFAULT_DIRECTORY = Path(".sandbox")


def made(directory: Path) -> Path:
    """Its full path. Raises BadInput where it is none and cannot become one."""
    directory = directory.resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(directory, error) from None
    return directory


def unusable(directory: Path, error: OSError) -> BadInput:
    why = "it is a file" if directory.is_file() else error.strerror
    return BadInput(f"A sandbox cannot live in {directory}: {why}.", "Name another place with --directory.")


def typed(name: str, directory: Path) -> str:
    """A command of `billing sandbox`, to be copied."""
    usual = directory.resolve() == DEFAULT_DIRECTORY.resolve()
    return shlex.join(["billing", "sandbox", name, *([] if usual else ["--directory", str(directory)])])
