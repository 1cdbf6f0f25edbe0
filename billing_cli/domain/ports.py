"""What the use cases need from the outside world."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.adjustment import CustomerFacts
from billing_cli.domain.approval import Signer
from billing_cli.domain.audit import AuditHead
from billing_cli.domain.balance_transaction import BalanceTransaction
from billing_cli.domain.batch import MeterEvent, SendResult
from billing_cli.domain.billing_period import SubscribedItem
from billing_cli.domain.doctor import Destinations, WebhookTarget
from billing_cli.domain.intent import Intent, MoveResult
from billing_cli.domain.invoice import CreditNotePreview, Invoice
from billing_cli.domain.invoice_file import LinkedInvoice
from billing_cli.domain.meter import MeterRoute, StripeMeter
from billing_cli.domain.migrations import SqlFile
from billing_cli.domain.payment import Payment, Refund
from billing_cli.domain.price import Price
from billing_cli.domain.reconciliation import (
    Coverage,
    DayTotal,
    Finding,
    LeftOut,
    PayoutProof,
    Rules,
    Saved,
    Subject,
    SummariesWanted,
    Total,
    Window,
)
from billing_cli.domain.replay import Delivery, ReplayEvent
from billing_cli.domain.stripe_export import ExportKind
from billing_cli.domain.webhook_event import WebhookEvent


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


class PriceReader(BillingReader, Protocol):
    """What is read from Stripe to judge the prices of plans: GET requests only."""

    def price(self, price_id: str) -> Price | None:
        """None where Stripe has none in the key's mode."""
        ...


class SetupReader(PriceReader, Protocol):
    """How the Stripe account is set up: GET requests only."""

    def reach(self) -> datetime:
        """When Stripe answered, by its own clock, in whole seconds. Tries once."""
        ...

    def endpoints(self) -> list[WebhookTarget]: ...

    def destinations(self) -> Destinations: ...


class SubscriptionReader(Protocol):
    """Who is billed for a meter, and up to where it was invoiced: GET requests only."""

    def items(
        self, routes: Sequence[MeterRoute], customer_ids: Sequence[str] | None, since: datetime
    ) -> list[SubscribedItem]:
        """The subscription items that bill these meters, ended ones too; of these customers, or of all.

        Drafts are those of periods that end after `since`. Raises Misconfigured where the key may not read them.
        """
        ...


class UsageSender(Protocol):
    """Tells Stripe of usage by one backend, several parcels at a time. Made and closed inside one event loop."""

    @property
    def parcel_events(self) -> int:
        """How many events go in one request."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether events of one customer and meter must go one after the other."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests may be under way now; it changes with the pace and with what Stripe says."""
        ...

    @property
    def events_per_s(self) -> float | None:
        """The pace at present; None: as fast as Stripe takes it."""
        ...

    def limit(self, events_per_s: float | None, shared_by: int) -> None:
        """No more than that from now on, over `shared_by` senders together; None: as many as Stripe takes."""
        ...

    async def turn(self, events: int) -> None:
        """Waits until a parcel of so many events may be sent; may be cancelled while it waits."""
        ...

    async def send(self, parcel: Sequence[MeterEvent]) -> list[SendResult]:
        """Try a parcel until the outcome of each event is known or trying is no use.

        Raises Misconfigured when Stripe refuses the key: then nothing can be sent at all.
        """
        ...

    def end(self) -> None:
        """From now on nothing is tried again: what is under way ends with the answer that it gets."""
        ...

    async def close(self) -> None: ...


class MoneyReader(Protocol):
    """What is read from Stripe before money is moved by hand: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def payment(self, payment_intent_id: str) -> Payment:
        """Raises BadInput for a payment that Stripe does not know, or that was never charged."""
        ...

    def paid_invoice(self, payment_intent_id: str) -> str | None:
        """The invoice that a payment paid."""
        ...

    def customer(self, customer_id: str) -> CustomerFacts: ...

    def invoice(self, invoice_id: str) -> Invoice: ...

    def invoices(self, customer_id: str | None, status: str | None, limit: int) -> list[Invoice]: ...

    def credit_note_preview(self, request: Mapping[str, object]) -> CreditNotePreview: ...

    def refunds(self, payment_intent_id: str) -> list[Refund]: ...

    def credit_note_refunds(self, credit_note_id: str) -> list[str]:
        """The ids of the refunds that a credit note made; they do not carry its name."""
        ...


class InvoiceReader(Protocol):
    """Invoices with the links to their PDFs."""

    def linked(self, invoice_id: str) -> LinkedInvoice:
        """Read anew, because links expire."""
        ...

    def created_between(self, start: datetime, end: datetime, customer_id: str | None) -> list[Invoice]:
        """Every invoice but drafts, created in [start, end), oldest first."""
        ...


class PdfFetcher(Protocol):
    """Downloads an invoice's PDF without ever showing it a key."""

    def fetch(self, url: str) -> bytes:
        """Raises FoundWrong for what is no PDF or leads astray, LinkExpired, or Unavailable."""
        ...


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


class MoneyMover(Protocol):
    """Carries an intent out in Stripe. Safe to be used by several threads."""

    def send(self, intent: Intent) -> MoveResult:
        """Tries under the intent's key until the outcome is known or trying is no use.

        Raises Misconfigured when Stripe refuses the key: then nothing can be sent at all.
        """
        ...

    def find(self, intent: Intent) -> MoveResult | None:
        """What Stripe's own lists prove: done, or None where nothing carries the intent's name."""
        ...


class EventReader(Protocol):
    """Stripe's own list of events: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def events(
        self, since: datetime, until: datetime, types: Sequence[str] = (), undelivered: bool = False
    ) -> list[WebhookEvent]:
        """Every event created in [since, until), oldest first; meter errors (thin events) included."""
        ...

    def meter_errors(self, since: datetime, until: datetime) -> list[WebhookEvent]:
        """What Stripe took and then could not count, oldest first; each event names a few as examples."""
        ...


class EventPoster(Protocol):
    """Sends a kept event to one place. Safe to be used by several threads."""

    def post(self, event: ReplayEvent, payload: str) -> Delivery:
        """Tries once. Raises Misconfigured where nothing can be sent at all."""
        ...

    def close(self) -> None: ...


class Workers(Protocol):
    """Processes of this machine that send the same batch as this one."""

    def start(self, batch_id: str) -> None: ...

    def interrupt(self) -> None:
        """Lets them end in order; a second call does nothing."""
        ...

    def wait(self) -> list[str]:
        """Until all have ended: a sentence for each that failed."""
        ...

    def kill(self) -> None:
        """Ends what is left of them at once. What they had claimed stays claimed, by processes that are gone."""
        ...


class Processes(Protocol):
    """Tells one run from another, and whether its process still lives."""

    def current(self) -> str:
        """A name for this process, unique over machines and over time."""
        ...

    def is_alive(self, runner: str) -> bool | None:
        """Whether that run lives; None where it cannot be told from here (another machine)."""
        ...


class Signatures(Protocol):
    """Who a person is: signatures of SSH keys that an allowed-signers file knows."""

    def sign(self, text: bytes, namespace: str, key: Path) -> str:
        """The armoured signature. Raises Refused or Misconfigured where the key cannot sign."""
        ...

    def verify(self, text: bytes, namespace: str, signature: str) -> Signer:
        """Who signed it. Raises Refused for anybody unknown, another text or another namespace."""
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

    def look(self) -> None:
        """Raises Misconfigured where nothing could be added to it. Writes nothing, and makes no file."""
        ...

    def appending(self) -> AbstractContextManager[AuditLines]:
        """Raises Misconfigured where nothing can be added to it."""
        ...


class Migrator(Protocol):
    """The schema's side of a database, over the wire."""

    def files(self) -> list[SqlFile]: ...

    def applied(self) -> dict[str, str]: ...

    def apply(self, files: list[SqlFile], actor: str) -> None: ...

    def script(self, files: list[SqlFile], actor: str) -> str:
        """The same as one SQL text, for those who deploy migrations by other means."""
        ...


RowSink = Callable[[Iterable[Mapping[str, object]]], None]


class LedgerReader(Protocol):
    """What Stripe has, row by row, for reconciliation and journals: GET requests only."""

    def identity(self) -> StripeIdentity: ...

    def transactions(self, since: datetime, until: datetime, sink: RowSink) -> None: ...

    def invoices(self, since: datetime, until: datetime, sink: RowSink) -> None: ...

    def payouts(self, since: datetime, until: datetime, sink: RowSink, transactions: RowSink) -> None: ...

    def summaries(self, wanted: Sequence[SummariesWanted], sink: RowSink) -> list[SummariesWanted]:
        """Rows of totals; returns those of which they do not tell all.

        Stripe has no such customer or meter, or another meter of that name was in use during the span.
        """
        ...


class ReportReader(Protocol):
    """Reports that Stripe writes on demand. Asking for one is a POST, but changes nothing."""

    def download(
        self, since: datetime, until: datetime, path: Path, waited: Callable[[float], None]
    ) -> tuple[datetime, datetime]:
        """An itemized report of balance transactions into `path`; returns the instants it covers.

        `waited` is told the seconds so far while Stripe works. Raises BadInput where Stripe has no data yet.
        """
        ...


class Rows(Protocol):
    """Rows on their way into the workbench; several threads may add some."""

    def add(self, rows: Iterable[Mapping[str, object]]) -> None: ...

    def add_lines(self, lines: str) -> None:
        """Rows that are JSON objects already, one a line."""
        ...


class Workbench(Protocol):
    """An embedded engine with the rows of both sides; its tables are those of `sql/matching/tables.sql`."""

    def rows_for(self, table: str) -> AbstractContextManager[Rows]: ...

    def load_csv(self, path: Path, accepted: Collection[ExportKind]) -> None:
        """A CSV file of Stripe's, into the table it is for. Raises BadInput for files of another kind."""
        ...

    def scratch(self, name: str) -> Path:
        """A place for a file that is gone when the workbench is closed."""
        ...

    def span(self, table: str) -> tuple[datetime, datetime] | None:
        """When the first and the last row of a table of Stripe's were created; None where it is empty."""
        ...

    def payments_without_charge(self) -> list[str]: ...

    def transactions(self) -> Iterator[BalanceTransaction]: ...

    def match(self, subject: Subject, window: Window, rules: Rules, coverage: Coverage) -> None: ...

    def read_counts(self, subject: Subject) -> tuple[int, int]: ...

    def totals(self) -> list[Total]: ...

    def days(self) -> list[DayTotal]: ...

    def left_out(self) -> list[LeftOut]: ...

    def findings(self, limit: int | None = None) -> Iterator[Finding]: ...

    def named_differences(self) -> Iterator[Mapping[str, object]]: ...

    def saved(self, shown: int) -> Saved | None:
        """This run beside what was loaded into `saved`; None where nothing was ever saved."""
        ...

    def payout_proofs(self) -> list[PayoutProof]: ...

    def write(self, path: Path) -> None: ...

    def close(self) -> None: ...
