"""What the use cases need from the outside world."""

from typing import Any, Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.migrations import SqlFile


class Database(Protocol):
    """Postgres, seen as versioned functions of one transaction each."""

    def call(self, function: str, **args: object) -> Any:
        """Run `public.<function>` with named arguments and return its decoded jsonb.

        Arguments are str, int, bool, None, or lists and dicts (sent as jsonb); instants are ISO 8601
        text and quantities are text, so that nothing passes through a float. Raises `BillingError`.
        """
        ...

    def close(self) -> None: ...


class BillingReader(Protocol):
    """What is read from Stripe before a plan: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def meters(self) -> list[StripeMeter]: ...


class MeterEventSender(Protocol):
    """Sends meter events, many at a time."""

    async def send(self, event: MeterEvent) -> SendResult:
        """Try one event until its outcome is known or trying is no use.

        Raises Misconfigured when Stripe refuses the key: then nothing can be sent at all.
        """
        ...

    async def close(self) -> None: ...


class Processes(Protocol):
    """Tells one run from another, and whether its process still lives."""

    def current(self) -> str:
        """A name for this process, unique over machines and over time."""
        ...

    def is_alive(self, runner: str) -> bool | None:
        """Whether that run lives; None where it cannot be told from here (another machine)."""
        ...


class Migrator(Protocol):
    """The schema's side of a database, over the wire."""

    def files(self) -> list[SqlFile]: ...

    def applied(self) -> dict[str, str]: ...

    def apply(self, files: list[SqlFile], actor: str) -> None: ...

    def script(self, files: list[SqlFile], actor: str) -> str:
        """The same as one SQL text, for those who deploy migrations by other means."""
        ...
