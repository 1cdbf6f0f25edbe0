"""Which billing.toml is in force: limits must not depend on the directory that a command is typed in."""

import os
from pathlib import Path

from billing_cli.domain.errors import Misconfigured

_NAME = "billing.toml"


def config_file(named: Path | None, env_file: Path | None) -> Path | None:
    """`named` by BILLING_CONFIG, else beside the env file that was named, else in the current directory; in full.

    Raises Misconfigured where the last two are different files, for what is no regular file, and where `named` is
    missing. See docs/adr/0019-one-billing-toml.md.
    """
    if named is not None:
        if not _is_there(named):
            raise Misconfigured(f"There is no file {named}.", "Check BILLING_CONFIG.")
        return named.absolute()
    beside = [env_file.parent / _NAME] if env_file else []
    found = [path.absolute() for path in (*beside, Path(_NAME)) if _is_there(path)]
    if len(found) > 1 and not found[0].samefile(found[1]):
        raise Misconfigured(
            f"There are two: {found[0]}, beside the file of --env-file, and {found[1]}, in this directory.",
            "Say which one counts: set BILLING_CONFIG to it.",
        )
    return found[0] if found else None


def _is_there(path: Path) -> bool:
    """Raises Misconfigured where there is something, and it is no file that could be read."""
    try:
        if path.is_file():
            return True
    except OSError as error:
        raise Misconfigured(f"{path} cannot be looked at: {error.strerror}.", "Check who may read it.") from None
    if os.path.lexists(path):
        kind = "a directory" if path.is_dir() else "a link to nothing" if path.is_symlink() else "no regular file"
        raise Misconfigured(f"{path} is {kind}.", "Put the file there, remove it, or set BILLING_CONFIG.")
    return False
