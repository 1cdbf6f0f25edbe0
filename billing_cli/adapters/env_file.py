"""The file that settings are read from: who may read it, and whether git has it."""

import os
import subprocess
from pathlib import Path

from dotenv import dotenv_values

from billing_cli.domain.doctor import EnvFile
from billing_cli.domain.errors import Misconfigured

_GIT_TIMEOUT_S = 10


def look_at(path: Path) -> EnvFile:
    """Raises Misconfigured where it cannot be read."""
    if not path.exists():
        return EnvFile(str(path), False, 0, False, False)
    try:
        mode, sets_live = path.stat().st_mode & 0o777, "LIVE" in dotenv_values(path)
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{path} cannot be read.", f"Check who owns {path}.") from None
    return EnvFile(str(path), True, mode, sets_live, _is_tracked(path))


def _is_tracked(path: Path) -> bool | None:
    """None where git is missing, or cannot tell (it refuses a repository of somebody else's)."""
    whole = path.absolute()
    command = ["git", "-C", str(whole.parent), "ls-files", "--error-unmatch", "--", whole.name]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode in (0, 1):
        return done.returncode == 0
    return False if "not a git repository" in done.stderr else None
