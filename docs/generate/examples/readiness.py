"""What the doctor's own checks say of fixed facts, and plans with their prices."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from billing_cli.domain.doctor import Check, EnvFile, Finding, Subject
from billing_cli.domain.meter import StripeMeter
from billing_cli.domain.price import CheckedPlans, CheckedPrice, Price, PricedPlan, PriceRules, price_faults
from billing_cli.domain.verdict import Verdict, failed
from billing_cli.usecases.doctor import catalogue, clocks, database, env_file, environment, stripe, work
from billing_cli.usecases.doctor.examination import examine
from examples import TEST
from examples.usage import BATCH

NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
METER = StripeMeter("api_calls", True, "sum", "stripe_customer_id", "value", meter_id="mtr_test_61RCjiqdTDC91zgip41IqP")
PRO, FLEX = PricedPlan("pro", ("price_1QAbCdEfGhIjKlMnOpQrStUv",), "billing.toml"), PricedPlan(
    "flex", ("price_1QVvUuTtSsRrQqPpOoNnMmLl", "price_1QZzYyXxWwVvUuTtSsRrQqPp"), "billing.toml"
)  # fmt: skip


def findings() -> list[Finding]:
    file = EnvFile(".env", exists=True, mode=0o640, sets_live=False, tracked=False)
    takes_writes = {"standby": False, "read_only": False}
    doors = {"roles": ["anon", "authenticated"], "functions": [], "ours": [], "without_rls": [], "theirs": []}
    companies = {"companies": 417, "without_customer": 2, "examples": ["co_0219", "co_0220"]}
    usage = {"without_customer": 2, "examples": ["co_0219", "co_0220"]}
    batch = {**BATCH, "runners": [], "gone": [], "age_s": 9000}
    return examine(
        [
            Check("live-gate", Subject.ENVIRONMENT, lambda: environment.live_gate(False)),
            Check("env-file-private", Subject.ENVIRONMENT, lambda: env_file.private(file)),
            Check("env-file-git", Subject.ENVIRONMENT, lambda: env_file.kept_from_git(file)),
            Check("stripe-clock", Subject.STRIPE, lambda: clocks.same_time("Stripe", NOW + timedelta(seconds=9), NOW)),
            Check("stripe-mode", Subject.STRIPE, lambda: stripe.mode(TEST)),
            Check("database-writable", Subject.DATABASE, lambda: database.writable(takes_writes)),
            Check("locked-out", Subject.DATABASE, lambda: database.locked_out(doors)),
            Check("customers", Subject.CATALOGUE, lambda: catalogue.customers(companies, usage, frozenset())),
            Check("open-batches", Subject.WORK, lambda: work.open_batches([batch])),
        ]
    )


def checked_plans() -> CheckedPlans:
    rules = PriceRules(False, {METER.meter_id: METER}, frozenset())
    monthly = Price(PRO.price_ids[0], True, False, "usd", Decimal(4900), "month", 1, False, None)
    metered = Price(FLEX.price_ids[0], True, False, "usd", Decimal("0.1"), "month", 1, True, METER.meter_id)
    prices = (
        CheckedPrice(PRO, PRO.price_ids[0], monthly, None, tuple(price_faults(PRO, PRO.price_ids[0], monthly, rules))),
        CheckedPrice(FLEX, FLEX.price_ids[0], metered, METER, ()),
        CheckedPrice(FLEX, FLEX.price_ids[1], None, None, tuple(price_faults(FLEX, FLEX.price_ids[1], None, rules))),
    )
    return CheckedPlans(TEST, prices, tuple(_unpriced()))


def _unpriced() -> Iterator[Verdict]:
    yield failed("1 company has the plan legacy, which has no price.", "Add it under [plans] in billing.toml.")
