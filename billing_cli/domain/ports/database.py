"""The database, and the schema in it."""

from collections.abc import Collection
from typing import Any, Protocol

from billing_cli.domain.deployment import FoundRelation
from billing_cli.domain.migrations import SqlFile
from billing_cli.domain.ours import Names


class Database(Protocol):
    """Postgres, seen as versioned functions of one transaction each."""

    def call(self, function: str, **args: object) -> Any:
        """Run `public.<function>` with named arguments and return its decoded jsonb.

        Arguments are str, int, bool, None, or lists and dicts (sent as jsonb); instants are ISO 8601
        text and quantities are text, so that nothing passes through a float. Raises `BillingError`.
        """
        ...

    def close(self) -> None: ...


class Migrator(Protocol):
    """The schema's side of a database, over the wire."""

    def files(self) -> list[SqlFile]: ...

    def applied(self) -> dict[str, str]: ...

    def relations(self) -> dict[str, FoundRelation]:
        """Those that are ours or the deployment's, by name."""
        ...

    def server_version(self) -> int:
        """As Postgres' server_version_num: 150004 is 15.4."""
        ...

    def existing(self, names: Names) -> Names:
        """Those of the names that the database has in `public`."""
        ...

    def bodies(self, functions: Collection[str]) -> dict[str, list[str]]:
        """Of functions in `public`: name to the MD5 of each overload's body."""
        ...

    def apply(self, files: list[SqlFile], actor: str) -> None: ...

    def script(self, files: list[SqlFile], actor: str) -> str:
        """The same as one SQL text, for those who deploy migrations by other means."""
        ...
