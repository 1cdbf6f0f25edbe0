"""billing.toml as frozen settings: what is not secret, section by section."""

import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from billing_cli.domain.billing_period import LateUsage
from billing_cli.domain.errors import BadInput, Misconfigured
from billing_cli.domain.export_warning import WARNING_CODES
from billing_cli.domain.journal_programs import BeancountRoot, DateOrder, is_beancount_root
from billing_cli.domain.masking import holds_secret
from billing_cli.domain.meter import Backend
from billing_cli.domain.money import currency_code, parse_major
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.settings.sentences import places
from billing_cli.settings.setting_file import read_setting_file

# The deepest setting, [reconcile.payments] settled, is on the third.
_DEEPEST = 16
# The parser's time grows with the square of a dotted name's length.
_MOST_DOTS = 1000


class MeterConfig(BaseModel):
    """[meters.NAME] in billing.toml: the Stripe meter that this usage meter goes to, and how.

    `price` and `unit` are for `backend = "usage-records"`; `unit` is text or a whole number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    event_name: str | None = None
    backend: Backend | None = None
    price: str | None = None
    unit: Annotated[Decimal, Field(gt=0)] = Decimal(1)

    @model_validator(mode="after")
    def _fits_its_backend(self) -> Self:
        records = self.backend is Backend.USAGE_RECORDS
        if records != (self.price is not None) or (records and self.event_name) or (not records and self.unit != 1):
            raise ValueError('price and unit go with backend = "usage-records", which needs a price and no event_name')
        return self


class ExportConfig(BaseModel):
    """[export] in billing.toml: skip reasons that are normal here, warnings that make the exit code 3, and what becomes
    of usage after its invoice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    expected_skips: frozenset[str] = frozenset()
    fail_on: frozenset[str] = frozenset()
    late_usage: LateUsage = LateUsage.HOLD


class CommandLimitsConfig(BaseModel):
    """[limits.COMMAND] in billing.toml: amounts in major units by currency, as text (`usd = "500.00"`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    approve_above: dict[str, str] | None = None
    per_command: dict[str, str] | None = None
    per_day: dict[str, str] | None = None


class LimitsConfig(BaseModel):
    """[limits] in billing.toml: who may approve, for how long, and from which amounts it is needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    allowed_signers: Path | None = None
    approval_hours: Annotated[int, Field(ge=1, le=168)] = 24
    refund: CommandLimitsConfig = CommandLimitsConfig()
    adjust: CommandLimitsConfig = CommandLimitsConfig()
    mark_paid: CommandLimitsConfig = CommandLimitsConfig()
    void: CommandLimitsConfig = CommandLimitsConfig()
    mark_uncollectible: CommandLimitsConfig = CommandLimitsConfig()


class WebhooksConfig(BaseModel):
    """[webhooks] in billing.toml: the only addresses that events may be replayed to, each in full."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    replay_to: frozenset[str] = frozenset()


class PaymentStatusConfig(BaseModel):
    """[reconcile.payments] in billing.toml: what the words in billing_payments.status mean, in lower case."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    settled: frozenset[str] = frozenset(("succeeded", "paid", "refunded", "partially_refunded", "disputed"))
    pending: frozenset[str] = frozenset(
        (
            "pending",
            "processing",
            "requires_action",
            "requires_capture",
            "requires_confirmation",
            "requires_payment_method",
        )
    )
    void: frozenset[str] = frozenset(("failed", "canceled", "cancelled", "void"))


class ReconcileConfig(BaseModel):
    """[reconcile] in billing.toml. `tolerance` in major units by currency, as text (`usd = "0.01"`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    edge_days: Annotated[int, Field(ge=0, le=31)] = 2
    # How long Stripe's meter totals may lag, and how long before its payout a transaction may have been made.
    usage_lag_hours: Annotated[int, Field(ge=0, le=72)] = 1
    payout_wait_days: Annotated[int, Field(ge=1, le=90)] = 14
    tolerance: dict[str, str] = {}
    payments: PaymentStatusConfig = PaymentStatusConfig()


class BeancountConfig(BaseModel):
    """[gl.beancount] in billing.toml: the roots that the ledger renames, `assets` to `expenses`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    roots: dict[BeancountRoot, str] = {}

    @field_validator("roots")
    @classmethod
    def _roots(cls, roots: dict[BeancountRoot, str]) -> dict[BeancountRoot, str]:
        for name in roots.values():
            if not is_beancount_root(name):
                raise ValueError(f"{name!r} is no root that beancount takes")
        return roots


class QuickBooksConfig(BaseModel):
    """[gl.quickbooks] in billing.toml: how the company writes dates, and how many lines a file may have."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dates: DateOrder = DateOrder.US
    lines: Annotated[int, Field(ge=2)] = 1_000


class XeroConfig(BaseModel):
    """[gl.xero] in billing.toml: the name that the organisation's country has for no tax."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tax_rate: Annotated[str, Field(min_length=1)] = "Tax Exempt"


class GlConfig(BaseModel):
    """[gl] in billing.toml: the chart of accounts; every other key is a role or a reporting category.

    `names` gives accounts the name that some programs want: `"4000" = "Income:Sales"`.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str] = Field(init=False)
    suspense: str | None = None
    names: dict[str, str] = {}
    beancount: BeancountConfig = BeancountConfig()
    quickbooks: QuickBooksConfig = QuickBooksConfig()
    xero: XeroConfig = XeroConfig()


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


PriceIds = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_list), Field(min_length=1)]


class Config(BaseModel):
    """billing.toml: what is not secret. Without it everything works on defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    meters: dict[str, MeterConfig] = {}
    export: ExportConfig = ExportConfig()
    limits: LimitsConfig = LimitsConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    reconcile: ReconcileConfig = ReconcileConfig()
    gl: GlConfig = GlConfig()
    # By the plan's id: a price or several.
    plans: dict[str, PriceIds] = {}


def load_config(path: Path | None) -> Config:
    """The file `path`, or defaults. Raises Misconfigured in a sentence."""
    if path is None:
        return Config()
    try:
        text = read_setting_file(path)
        _refuse_secrets(path, text)
        config = Config.model_validate(_document(path, text))
    except ValidationError as error:
        raise Misconfigured(
            f"{path} has settings that are not understood: {places(error)}.",
            "Correct or remove them; docs/configuration.md has every section.",
        ) from None
    except ValueError as error:  # TOML, UTF-8, or a number of thousands of digits
        raise Misconfigured(
            f"{path} is not valid TOML: {error}.", "Correct it there; https://toml.io has the syntax."
        ) from None
    _check_amounts(path, config)
    _check_names(path, "expected_skips", config.export.expected_skips, "reason for skipping", SKIP_REASONS)
    _check_names(path, "fail_on", config.export.fail_on, "code of a warning", WARNING_CODES)
    return _with_signers(path, config)


def _check_names(path: Path, setting: str, names: frozenset[str], noun: str, known: Collection[str]) -> None:
    unknown = names.difference(known)
    if unknown:
        raise Misconfigured(
            f"{path}: {setting} names {', '.join(sorted(unknown))}, which is no {noun}.", f"Known: {', '.join(known)}."
        )


def _document(path: Path, text: str) -> dict[str, Any]:
    """Raises Misconfigured if the file is nested more deeply than settings are, whether it can be parsed or not."""
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise _too_deep(path)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(path) from None
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        level = [each for each in level if isinstance(each, dict | list)]
    if level:
        raise _too_deep(path)
    return document


def _too_deep(path: Path) -> Misconfigured:
    return Misconfigured(
        f"{path} is nested more than {_DEEPEST} levels deep.", "Correct it; docs/configuration.md has every section."
    )


def _with_signers(path: Path, config: Config) -> Config:
    """A path in the file counts from there, whatever the current directory is."""
    signers = config.limits.allowed_signers
    if signers is None:
        return config
    limits = config.limits.model_copy(update={"allowed_signers": path.parent / signers})
    return config.model_copy(update={"limits": limits})


def _refuse_secrets(path: Path, text: str) -> None:
    """The file is for what may be shown, and is often in a repository."""
    for number, line in enumerate(text.splitlines(), start=1):
        if holds_secret(line):
            raise Misconfigured(
                f"{path}, line {number}, holds what looks like a secret.",
                "Take it out, and roll it if others could see the file; secrets belong into the environment or .env.",
            )


def _check_amounts(path: Path, config: Config) -> None:
    limits = config.limits
    named = [
        ("limits", amounts)
        for command in (limits.refund, limits.adjust, limits.mark_paid, limits.void, limits.mark_uncollectible)
        for amounts in (command.approve_above, command.per_command, command.per_day)
    ]
    for section, amounts in [*named, ("reconcile.tolerance", config.reconcile.tolerance)]:
        try:
            minor_units(amounts or {})
        except BadInput as error:
            raise Misconfigured(f"{path}: under [{section}], {error.message}", error.next_step) from None


def minor_units(amounts: Mapping[str, str]) -> dict[str, int]:
    """Amounts in major units by currency, as minor units. Raises BadInput; 0 is allowed."""
    codes = {currency_code(currency): text for currency, text in amounts.items()}
    return {code: 0 if text == "0" else parse_major(text, code).amount_minor for code, text in codes.items()}
