"""An examination of this environment: its checks, what they found, and the facts they look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from billing_cli.domain.errors import BillingError
from billing_cli.domain.verdict import Verdict


class Subject(StrEnum):
    """What a check is about; the order is that of the examination."""

    ENVIRONMENT = "environment"
    STRIPE = "stripe"
    WEBHOOKS = "webhooks"
    DATABASE = "database"
    CATALOGUE = "catalogue"
    WORK = "work"


@dataclass(frozen=True)
class Check:
    """`look` says what it found, a verdict or more; a BillingError it raises is a failure. `offline`: asks nobody.

    Where it fails, errors of the kind `explains` follow from that in every later check.
    """

    name: str
    subject: Subject
    look: Callable[[], Iterable[Verdict]]
    offline: bool = False
    explains: type[BillingError] | None = None


@dataclass(frozen=True)
class Finding:
    """A verdict and the check that came to it."""

    check: str
    subject: Subject
    verdict: Verdict

    def saying(self, reworded: Callable[[str], str]) -> "Finding":
        """With other words for the next step."""
        return replace(self, verdict=replace(self.verdict, next_step=reworded(self.verdict.next_step)))


@dataclass(frozen=True)
class EnvFile:
    """The file that settings are read from. `mode`: its permission bits. `tracked`: git has it; None: untold."""

    path: str
    exists: bool
    mode: int
    sets_live: bool
    tracked: bool | None


@dataclass(frozen=True)
class SdkVersions:
    """stripe-python's own version, and the API version it was made for."""

    package: str
    api: str


@dataclass(frozen=True)
class WebhookTarget:
    """Where Stripe delivers events of one kind. `api_version` is None where it is the account's default one."""

    target_id: str
    url: str | None
    enabled: bool
    events: frozenset[str]
    api_version: str | None

    def takes(self, event: str) -> bool:
        return self.enabled and ("*" in self.events or event in self.events)


@dataclass(frozen=True)
class Destinations:
    """Stripe's event destinations, by what they deliver."""

    snapshot: tuple[WebhookTarget, ...]
    thin: tuple[WebhookTarget, ...]


@dataclass(frozen=True)
class Server:
    """A database as one transport finds it, as billing_doctor_server_v1 answers; `at` by its own clock."""

    at: datetime
    version: str
    version_num: int
    time_zone: str
    role: str
    database: str
    started_at: str
    applied: dict[str, str]

    @property
    def identity(self) -> tuple[str, str]:
        """Where it is the same, it is the same database."""
        return self.database, self.started_at
