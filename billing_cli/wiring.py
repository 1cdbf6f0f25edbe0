"""Settings to adapters to use cases: the only file that knows every name."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from billing_cli.domain.account import StripeIdentity, is_live_key
from billing_cli.domain.api_version import check_version_for_money
from billing_cli.domain.doctor import Check
from billing_cli.domain.errors import Misconfigured, Refused
from billing_cli.domain.export import Alarm
from billing_cli.domain.gate import ApprovedPlan, P
from billing_cli.domain.invoice_change import InvoiceChange
from billing_cli.domain.journal import Account, Chart
from billing_cli.domain.journal_programs import Programs
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.meter import Backend, MeterRule
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.domain.permit import Clocks, Permit
from billing_cli.domain.ports import (
    AuditFile,
    BillingReader,
    Database,
    EventPoster,
    EventReader,
    FileStore,
    LedgerReader,
    Migrator,
    MoneyReader,
    PriceReader,
    Processes,
    Signatures,
    UsageSender,
    Workbench,
    Workers,
)
from billing_cli.domain.reconciliation import Rules
from billing_cli.settings import DEFAULT_ENV_FILE, CommandLimitsConfig, RestAddress, Settings, minor_units
from billing_cli.usecases.adjustments import AdjustmentPlanner
from billing_cli.usecases.comparing import ReadObserver as VerifyObserver
from billing_cli.usecases.comparing import Verifier
from billing_cli.usecases.doctor.env_file import env_file_checks
from billing_cli.usecases.doctor.environment import environment_checks
from billing_cli.usecases.doctor.facts import Fact
from billing_cli.usecases.doctor.setup import Setup, network_checks
from billing_cli.usecases.download import Downloader, DownloadObserver
from billing_cli.usecases.environment import Observer, RunEnvironment
from billing_cli.usecases.export import ExportPlanner
from billing_cli.usecases.invoices import InvoicePlanner
from billing_cli.usecases.migrations import applied_in_force, apply_pending
from billing_cli.usecases.moving import MoveEnvironment, MoveObserver
from billing_cli.usecases.reconcile import Reconciler
from billing_cli.usecases.reconcile_sides import ReadObserver, Sides
from billing_cli.usecases.refunds import RefundPlanner
from billing_cli.usecases.webhook_replay import ReplayEnvironment

if TYPE_CHECKING:
    from billing_cli.adapters.stripe.connection import StripeConnection

# Stripe takes 25 calls a second to one endpoint; no second has more of ours, whichever second is taken.
LISTS_PER_S = 24.5


def open_database(settings: Settings) -> Database:
    """The database over REST if SUPABASE_URL is set, else over the wire."""
    address = settings.database_address()
    if isinstance(address, RestAddress):
        from billing_cli.adapters.database.supabase import SupabaseDatabase

        return SupabaseDatabase(address.url, address.key.get_secret_value())
    return open_wire(settings)


def open_wire(settings: Settings) -> Database:
    """The database over the wire, whatever else is configured."""
    from billing_cli.adapters.database.postgres import PostgresDatabase

    return PostgresDatabase(settings.require_db_url())


def stripe_reader(settings: Settings) -> BillingReader:
    from billing_cli.adapters.stripe.reader import StripeReader

    return StripeReader(_stripe_connection(settings))


def price_reader(settings: Settings) -> PriceReader:
    from billing_cli.adapters.stripe.price_reader import StripePriceReader

    return StripePriceReader(_stripe_connection(settings))


def record_prices(settings: Settings) -> frozenset[str]:
    """The prices that usage records go to."""
    return frozenset(meter.price for meter in settings.config.meters.values() if meter.price)


@contextmanager
def doctor_checks(
    settings: Settings, config_error: Misconfigured | None, env_file: Path | None
) -> Iterator[list[Check]]:
    """The checks of `doctor`; nothing is asked before they are run. Good until the context ends."""
    from billing_cli.adapters.env_file import look_at
    from billing_cli.adapters.stripe.setup_reader import sdk_versions

    sdk, path = sdk_versions(), settings.billing_audit_file
    kept_log = audit_file(path) if path else None
    with ExitStack() as opened:
        yield [
            *environment_checks(settings, config_error, sdk, kept_log),
            *env_file_checks(Fact(lambda: look_at(env_file or DEFAULT_ENV_FILE))),
            *network_checks(settings, settings.stripe_api_version or sdk.api, _setup(settings, opened)),
        ]


def _setup(settings: Settings, opened: ExitStack) -> Setup:
    from billing_cli.adapters.database.migrator import sql_files
    from billing_cli.adapters.stripe.setup_reader import StripeSetupReader

    def database(open_one: Callable[[Settings], Database]) -> Database:
        return opened.enter_context(closing(open_one(settings)))

    return Setup(
        stripe=lambda: StripeSetupReader(_stripe_connection(settings)),
        main=lambda: database(open_database),
        has_rest=settings.has_rest,
        wire=(lambda: database(open_wire)) if settings.has_wire else None,
        applied=lambda: applied_in_force(migrator(settings.require_db_url())),
        relations=lambda: migrator(settings.require_db_url()).relations(),
        files=sql_files(),
        rules=_meter_rules(settings),
        record_prices=record_prices(settings),
        expected_skips=settings.config.export.expected_skips,
        usage_lag_hours=settings.config.reconcile.usage_lag_hours,
        clock=clock,
        processes=processes(),
    )


def clock() -> datetime:
    return datetime.now(UTC)


def export_planner(settings: Settings, database: Database) -> ExportPlanner:
    from billing_cli.adapters.stripe.subscription_reader import StripeSubscriptionReader

    config, connection = settings.config.export, _stripe_connection(settings)
    # Of addresses other than Stripe's own nobody knows; a sandbox has the stream.
    has_stream = connection.api_base is not None or is_live_key(connection.key)
    return ExportPlanner(
        database,
        stripe_reader(settings),
        StripeSubscriptionReader(connection, _for_lists(connection)),
        ledger_reader(settings),
        _meter_rules(settings),
        Alarm(config.expected_skips, config.fail_on),
        config.late_usage,
        has_stream,
    )


def run_environment(
    settings: Settings, database: Database, approved: ApprovedPlan[P], observer: Observer
) -> RunEnvironment[P]:
    here = processes()

    def sender(backend: Backend, permit: Permit) -> UsageSender:
        from billing_cli.adapters.stripe.meter_events import StripeMeterEventSender
        from billing_cli.adapters.stripe.meter_stream import StripeMeterStreamSender
        from billing_cli.adapters.stripe.usage_records import StripeUsageRecordSender

        senders: dict[Backend, Callable[[StripeConnection, Permit], UsageSender]] = {
            Backend.EVENTS: StripeMeterEventSender,
            Backend.STREAM: StripeMeterStreamSender,
            Backend.USAGE_RECORDS: StripeUsageRecordSender,
        }
        return senders[backend](_stripe_connection(settings), permit)

    def canceller(permit: Permit) -> UsageSender:
        from billing_cli.adapters.stripe.event_canceller import StripeEventCanceller

        return StripeEventCanceller(_stripe_connection(settings), permit)

    def ledger() -> LedgerReader:
        return ledger_reader(settings)

    lag_s = 3600 * settings.config.reconcile.usage_lag_hours
    return RunEnvironment(
        approved,
        database,
        sender,
        canceller,
        ledger,
        lag_s,
        here,
        settings.actor,
        here.current(),
        clock_readings(),
        observer,
    )


def clock_readings() -> Clocks:
    """The clocks by which permits end."""
    from billing_cli.adapters import clock

    return clock.readings


def processes() -> Processes:
    from billing_cli.adapters.processes import HostProcesses

    return HostProcesses()


def worker_processes(count: int, words: Sequence[str]) -> Workers:
    """`words` follow `billing`; {batch} among them stands for the batch's id."""
    from billing_cli.adapters.worker_processes import WorkerProcesses

    return WorkerProcesses(count, words)


def verifier(settings: Settings, database: Database, observer: VerifyObserver) -> Verifier:
    lag_s = 3600 * settings.config.reconcile.usage_lag_hours
    events, meters = event_reader(settings), stripe_reader(settings)
    return Verifier(database, ledger_reader(settings), events, meters, lag_s, observer)


def money_reader(settings: Settings) -> MoneyReader:
    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader

    return StripeMoneyReader(_money_connection(settings))


def invoice_downloader(settings: Settings, database: Database, observer: DownloadObserver) -> Downloader:
    from billing_cli.adapters.stripe.invoice_pdf import HttpPdfFetcher
    from billing_cli.adapters.stripe.invoice_reader import StripeInvoiceReader

    connection = _stripe_connection(settings)
    # Links to this machine only where Stripe itself is one.
    fetcher = HttpPdfFetcher(allow_loopback=bool(connection.api_base and connection.api_base.startswith("http://")))
    return Downloader(database, StripeInvoiceReader(connection), fetcher, observer)


def file_store(path: Path) -> FileStore:
    """A zip file where the name ends so, else a directory."""
    from billing_cli.adapters.files import DirectoryStore, ZipStore

    return ZipStore(path) if path.suffix == ".zip" else DirectoryStore(path)


def write_file(path: Path, content: bytes) -> None:
    from billing_cli.adapters.files import write_atomically

    write_atomically(path, content)


def check_place(path: Path | None) -> None:
    """Before long work: raises Misconfigured where its result could not be written."""
    from billing_cli.adapters.files import check_place

    if path is not None:
        check_place(path)


def check_room(path: Path, size: int) -> None:
    """Before money moves: raises Misconfigured where so many bytes cannot be written there."""
    from billing_cli.adapters.files import check_room

    check_room(path, size)


def audit_file(path: Path) -> AuditFile:
    from billing_cli.adapters.audit_file import JsonLinesAuditFile

    return JsonLinesAuditFile(path)


def refund_planner(settings: Settings, database: Database) -> RefundPlanner:
    return RefundPlanner(database, money_reader(settings), _limits(settings.config.limits.refund), clock)


def adjustment_planner(settings: Settings, database: Database) -> AdjustmentPlanner:
    return AdjustmentPlanner(database, money_reader(settings), _limits(settings.config.limits.adjust))


def invoice_planner(settings: Settings, database: Database, change: InvoiceChange) -> InvoicePlanner:
    """Each change has the limits of its own command."""
    limits = settings.config.limits
    by_command = {
        "invoices mark-paid": limits.mark_paid,
        "invoices void": limits.void,
        "invoices mark-uncollectible": limits.mark_uncollectible,
    }
    return InvoicePlanner(database, money_reader(settings), change, _limits(by_command[change.command]))


def move_environment(
    settings: Settings, database: Database, approved: ApprovedPlan[MoneyPlan], observer: MoveObserver
) -> MoveEnvironment:
    from billing_cli.adapters.stripe.money_mover import StripeMoneyMover
    from billing_cli.adapters.stripe.money_reader import StripeMoneyReader

    here = processes()
    # One connection, so that both keep the same pace.
    connection = _money_connection(settings)
    reader, mover = StripeMoneyReader(connection), StripeMoneyMover(connection)
    return MoveEnvironment(
        approved, database, reader, mover, here, settings.actor, here.current(), clock_readings(), observer
    )


def signatures(settings: Settings) -> Signatures:
    """Who may sign is named by the allowed-signers file in billing.toml."""
    from billing_cli.adapters.ssh_signatures import SshSignatures

    return SshSignatures(settings.config.limits.allowed_signers)


def event_reader(settings: Settings) -> EventReader:
    from billing_cli.adapters.stripe.event_reader import StripeEventReader

    return StripeEventReader(_stripe_connection(settings))


def event_identity(settings: Settings, livemode: bool | None, account_id: str | None = None) -> StripeIdentity:
    """Whose events these are, as they say themselves: Stripe is not asked. A key, where set, must fit them.

    `livemode` is None where there are no events.
    """
    key = settings.stripe_secret_key
    key_is_live = is_live_key(settings.require_stripe_key()) if key else bool(livemode)
    livemode = key_is_live if livemode is None else livemode
    return StripeIdentity(account_id or "(not named by the events)", livemode, key_is_live)


def event_poster(settings: Settings, url: str) -> EventPoster:
    """Signs with the current secret. Raises Refused for an address that billing.toml does not list."""
    from billing_cli.adapters.webhook_poster import HttpEventPoster

    if url not in settings.config.webhooks.replay_to:
        raise Refused(
            "Nothing was sent: this address is not listed under [webhooks] replay_to in billing.toml.",
            "Correct the address, or list it there in full.",
        )
    return HttpEventPoster(url, settings.webhook_secrets()[0])


def event_resender(settings: Settings, endpoint_id: str) -> EventPoster:
    from billing_cli.adapters.stripe.event_resender import StripeEventResender

    return StripeEventResender(_stripe_connection(settings), endpoint_id)


def replay_environment(settings: Settings, database: Database, observer: DownloadObserver) -> ReplayEnvironment:
    here = processes()
    return ReplayEnvironment(database, here, settings.actor, here.current(), clock_readings(), observer)


def ledger_reader(settings: Settings) -> LedgerReader:
    from billing_cli.adapters.stripe.ledger_reader import StripeLedgerReader

    return StripeLedgerReader(_for_lists(_stripe_connection(settings)))


def workbench() -> Workbench:
    from billing_cli.adapters.matching.engine import DuckWorkbench

    return DuckWorkbench()


def reconciler(settings: Settings, database: Database, place: Workbench, observer: ReadObserver) -> Reconciler:
    from billing_cli.adapters.stripe.report_reader import StripeReportReader

    config = settings.config.reconcile
    words = config.payments
    lag, wait = timedelta(hours=config.usage_lag_hours), timedelta(days=config.payout_wait_days)
    rules = Rules(minor_units(config.tolerance), words.settled, words.pending, words.void, lag)
    reader, reports = ledger_reader(settings), StripeReportReader(_stripe_connection(settings))
    sides = Sides(database, reader, reports, stripe_reader(settings), _meter_rules(settings), place, wait, observer)
    return Reconciler(sides, place, rules)


def chart(settings: Settings) -> Chart:
    """The chart of accounts in billing.toml."""
    config = settings.config.gl

    def account(code: str) -> Account:
        return Account(code, config.names.get(code, code))

    accounts = {role: account(code) for role, code in config.__pydantic_extra__.items()}
    return Chart(accounts, account(config.suspense) if config.suspense else None)


def programs(settings: Settings) -> Programs:
    """What billing.toml names of the programs that read a journal."""
    config = settings.config.gl
    return Programs(
        bank=chart(settings).accounts.get("bank"),
        beancount_roots=config.beancount.roots,
        xero_tax_rate=config.xero.tax_rate,
        quickbooks_dates=config.quickbooks.dates,
        quickbooks_lines=config.quickbooks.lines,
    )


def migrator(db_url: str) -> Migrator:
    from billing_cli.adapters.database.migrator import PostgresMigrator

    return PostgresMigrator(db_url)


def migrate_database(db_url: str) -> None:
    """Brings a database of the sandbox up to date."""
    apply_pending(migrator(db_url), "sandbox")


def _meter_rules(settings: Settings) -> dict[str, MeterRule]:
    return {name: MeterRule(**dict(meter)) for name, meter in settings.config.meters.items()}


def _limits(config: CommandLimitsConfig) -> CommandLimits:
    return CommandLimits(
        *(
            None if amounts is None else minor_units(amounts)
            for amounts in (config.approve_above, config.per_command, config.per_day)
        )
    )


def _for_lists(connection: "StripeConnection") -> "StripeConnection":
    from billing_cli.adapters.stripe.pace import Pace

    return replace(connection, pace=Pace(LISTS_PER_S))


def _money_connection(settings: Settings) -> "StripeConnection":
    """Raises Misconfigured if a pinned API version is too old for it, before anything is asked."""
    check_version_for_money(settings.stripe_api_version)
    return _stripe_connection(settings)


def _stripe_connection(settings: Settings) -> "StripeConnection":
    from billing_cli.adapters.stripe.connection import StripeConnection

    api_base, meter_events_base = settings.stripe_addresses()
    return StripeConnection(settings.require_stripe_key(), settings.stripe_api_version, api_base, meter_events_base)
