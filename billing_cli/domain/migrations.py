"""Which SQL files a database still needs: tables once and in order, functions whenever they changed."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing_cli.domain.errors import Misconfigured

MIGRATION = "migration"
FUNCTIONS = "functions"
LEAST_SERVER = 150000
_OUTSIDE = "-- Outside a transaction:"


@dataclass(frozen=True)
class SqlFile:
    """One file of ours; `name` is its path below sql/, `kind` one of the two above."""

    name: str
    kind: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """False if the first line starts with "-- Outside a transaction:", as `create index concurrently` needs."""
        return not self.text.startswith(_OUTSIDE)

    @property
    def statements(self) -> list[str]:
        """The text, one statement each, of a file that is not transactional: no bodies, each ends at a line's end."""
        return [part for part in re.split(r";[ ]*(?:\n|$)", self.text) if part.strip()]

    @property
    def blocking_text(self) -> str:
        """The same changes for a plain transaction, during which exports wait."""
        return self.text if self.transactional else self.text.replace(" concurrently ", " ")


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


def refuse_old_server(version_num: int) -> None:
    """Raises Misconfigured for a Postgres older than 15; `version_num` as Postgres' server_version_num."""
    if version_num < LEAST_SERVER:
        raise Misconfigured(
            f"Postgres {version_num // 10000} is older than 15. Nothing was applied.",
            "Upgrade the server to Postgres 15 or newer.",
        )


def supabase_file_name(at: datetime) -> str:
    """As Supabase names migrations: its tool applies them in the order of these names."""
    return f"{at:%Y%m%d%H%M%S}_billing.sql"


def _state(file: SqlFile, applied_checksum: str | None) -> str:
    if applied_checksum is None:
        return "pending"
    if applied_checksum == file.checksum:
        return "applied"
    return "edited" if file.kind == MIGRATION else "changed"
