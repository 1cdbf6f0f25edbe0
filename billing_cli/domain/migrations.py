"""Which SQL files a database still needs: tables once and in order, functions whenever they changed."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from billing_cli.domain.errors import Misconfigured

MIGRATION = "migration"
FUNCTIONS = "functions"


@dataclass(frozen=True)
class SqlFile:
    """One file of ours; `name` is its path below sql/, `kind` one of the two above."""

    name: str
    kind: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class FileStatus:
    """`state` is applied, pending, changed (functions to apply again), edited, or unknown."""

    name: str
    state: str


def file_statuses(files: Iterable[SqlFile], applied: Mapping[str, str]) -> list[FileStatus]:
    """Each file beside its applied checksum, in the order of application; then names only the database knows."""
    statuses = []
    names = set()
    for file in files:
        names.add(file.name)
        statuses.append(FileStatus(file.name, _state(file, applied.get(file.name))))
    return statuses + [FileStatus(name, "unknown") for name in sorted(applied.keys() - names)]


def pending_files(files: Iterable[SqlFile], applied: Mapping[str, str]) -> list[SqlFile]:
    """What is to be applied now. Raises Misconfigured where going on could harm.

    An applied migration that was edited says one thing and has done another; a file that only the
    database knows means that a newer version of this program was here.
    """
    files = list(files)
    statuses = {status.name: status.state for status in file_statuses(files, applied)}
    for name, state in statuses.items():
        if state == "edited":
            raise Misconfigured(
                f"sql/{name} was edited after it was applied.",
                "Restore the file, and put the change into a new migration.",
            )
        if state == "unknown":
            raise Misconfigured(
                f"The database knows sql/{name}, but this version does not.",
                "Use the newer version of billing.",
            )
    return [file for file in files if statuses[file.name] in ("pending", "changed")]


def _state(file: SqlFile, applied_checksum: str | None) -> str:
    if applied_checksum is None:
        return "pending"
    if applied_checksum == file.checksum:
        return "applied"
    return "edited" if file.kind == MIGRATION else "changed"
