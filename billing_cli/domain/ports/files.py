"""What is written to files, and who signed them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from billing_cli.domain.approval import Signer
from billing_cli.domain.audit import AuditHead


class FileStore(Protocol):
    """Where files of one download are kept: a directory or a zip file. Used by several threads."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, content: bytes) -> None:
        """All of it or nothing. Raises Misconfigured where it cannot be written."""
        ...

    def keep(self, name: str) -> None:
        """Lets a file of the last download stay as it is."""
        ...

    def finish(self) -> None:
        """Makes it final."""
        ...

    def discard(self) -> None:
        """Leaves nothing half-written behind."""
        ...


class AuditLines(Protocol):
    """What is known elsewhere of the audit log, while nobody else adds to it."""

    @property
    def head(self) -> AuditHead | None: ...

    def append(self, lines: str) -> AuditHead | None:
        """All of them or none; returns the head of the last one."""
        ...


class AuditFile(Protocol):
    """A copy of the audit log out of reach of those who own the database."""

    @property
    def path(self) -> Path: ...

    def heads(self) -> list[AuditHead]:
        """Everything it knows of the log."""
        ...

    def lines(self) -> Iterator[tuple[int, str]]:
        """Its lines by number, one after the other."""
        ...

    def look(self) -> None:
        """Raises Misconfigured where nothing could be added to it. Writes nothing, and makes no file."""
        ...

    def appending(self) -> AbstractContextManager[AuditLines]:
        """Raises Misconfigured where nothing can be added to it."""
        ...


class Signatures(Protocol):
    """Who a person is: signatures of SSH keys that an allowed-signers file knows."""

    def sign(self, text: bytes, namespace: str, key: Path) -> str:
        """The armoured signature. Raises Refused or Misconfigured where the key cannot sign."""
        ...

    def verify(self, text: bytes, namespace: str, signature: str) -> Signer:
        """Who signed it. Raises Refused for anybody unknown, another text or another namespace."""
        ...
