"""From the doors to Stripe and to the database to the checks that go through them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.deployment import FoundRelation, relations_found
from billing_cli.domain.doctor import Check, Destinations, Server, WebhookTarget
from billing_cli.domain.meter import MeterRule, StripeMeter
from billing_cli.domain.migrations import SqlFile
from billing_cli.domain.ours import ours
from billing_cli.domain.ports import Database, Processes, SetupReader
from billing_cli.domain.price import CheckedPrice, PricedPlan
from billing_cli.usecases.doctor.catalogue import USAGE_HOURS, catalogue_checks
from billing_cli.usecases.doctor.database import PROBED_ROWS, DatabaseFacts, Transport, database_checks
from billing_cli.usecases.doctor.facts import Fact, Timed, after, timed
from billing_cli.usecases.doctor.stripe import stripe_checks
from billing_cli.usecases.doctor.webhooks import webhook_checks
from billing_cli.usecases.doctor.work import work_checks
from billing_cli.usecases.plans import check_prices


class Declared(Protocol):
    """The settings, as far as they are needed here; each raises Misconfigured for what is not right."""

    def priced_plans(self) -> list[PricedPlan]: ...
    def webhook_secrets(self) -> list[str]: ...


@dataclass(frozen=True)
class Setup:
    """Opens nothing before it is asked to. `main` is over REST if `has_rest`; `wire` is None where not configured.

    `applied` and `relations` ask the migrations' own connection, which works before any migration.
    """

    stripe: Callable[[], SetupReader]
    main: Callable[[], Database]
    has_rest: bool
    wire: Callable[[], Database] | None
    applied: Callable[[], Mapping[str, str]]
    relations: Callable[[], Mapping[str, FoundRelation]]
    files: Sequence[SqlFile]
    rules: Mapping[str, MeterRule]
    record_prices: Collection[str]
    expected_skips: Collection[str]
    usage_lag_hours: int
    clock: Callable[[], datetime]
    processes: Processes


@dataclass(frozen=True)
class StripeFacts:
    """`prices` are those of the plans, held against Stripe."""

    reach: Fact[Timed[datetime]]
    identity: Fact[StripeIdentity]
    meters: Fact[list[StripeMeter]]
    endpoints: Fact[list[WebhookTarget]]
    destinations: Fact[Destinations]
    prices: Fact[tuple[CheckedPrice, ...]]


def network_checks(settings: Declared, api_version: str, setup: Setup) -> list[Check]:
    """Everything that Stripe or the database is asked for. `api_version` is the one that billing speaks."""
    stripe, database = _stripe_facts(settings, setup), Fact(setup.main)
    applied = Fact(setup.applied) if setup.wire else None
    main = _transport(database, setup.clock, None if setup.has_rest else applied)

    def asked(function: str, **arguments: object) -> Fact[dict[str, Any]]:
        return after(main.server, lambda: database().call(function, **arguments))

    companies, usage = asked("billing_companies_summary_v1"), asked("billing_doctor_usage_v1", p_hours=USAGE_HOURS)
    plans, secrets = settings.priced_plans, settings.webhook_secrets
    return [
        *stripe_checks(stripe.reach, stripe.identity),
        *webhook_checks(stripe.endpoints, stripe.destinations, secrets, api_version),
        *database_checks(_database_facts(setup, main, applied, asked)),
        *catalogue_checks(plans, stripe.prices, stripe.meters, setup.rules, companies, usage, setup.expected_skips),
        *work_checks(asked("billing_doctor_work_v1", p_lag_hours=setup.usage_lag_hours), setup.processes),
    ]


def _stripe_facts(settings: Declared, setup: Setup) -> StripeFacts:
    stripe = Fact(setup.stripe)
    reach = Fact(lambda: timed(setup.clock, lambda: stripe().reach()))
    identity, meters = after(reach, lambda: stripe().identity()), after(reach, lambda: stripe().meters())

    def prices() -> tuple[CheckedPrice, ...]:
        return check_prices(stripe(), settings.priced_plans(), identity(), meters(), setup.record_prices)

    return StripeFacts(
        reach=reach,
        identity=identity,
        meters=meters,
        endpoints=after(reach, lambda: stripe().endpoints()),
        destinations=after(reach, lambda: stripe().destinations()),
        prices=Fact(prices),
    )


def _database_facts(
    setup: Setup,
    main: Transport,
    applied: Fact[Mapping[str, str]] | None,
    asked: Callable[..., Fact[dict[str, Any]]],
) -> DatabaseFacts:
    answered = asked("billing_doctor_relations_v1")
    relations = after(applied, setup.relations) if applied else Fact(lambda: relations_found(answered()))
    wire = _transport(Fact(setup.wire), setup.clock, applied) if setup.wire and setup.has_rest else None
    return DatabaseFacts(
        main=main,
        rest=main if setup.has_rest else None,
        wire=wire if setup.has_rest else main,
        applied=applied,
        files=setup.files,
        relations=relations,
        doors=asked("billing_doctor_doors_v2", p_names=ours(setup.files).document()),
        writable=asked("billing_doctor_writable_v1"),
    )


def _transport(
    database: Fact[Database], clock: Callable[[], datetime], reached: Fact[object] | None = None
) -> Transport:
    """`reached` is asked before; where it failed, so does this."""

    def server() -> Server:
        document = database().call("billing_doctor_server_v1")
        return Server(**{**document, "at": datetime.fromisoformat(document["at"])})

    loaded = after(reached or database, lambda: timed(clock, server))
    return Transport(loaded, after(loaded, lambda: database().call("billing_doctor_rows_v1", p_rows=PROBED_ROWS)))
