"""The environment: keys, secrets, prices and addresses are there and are no placeholders. Asks nobody."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from billing_cli.domain.account import is_live_key
from billing_cli.domain.api_version import OLDEST_FOR_MONEY, is_api_version, is_older
from billing_cli.domain.doctor import Check, SdkVersions, Subject
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.ports import AuditFile
from billing_cli.domain.price import PricedPlan
from billing_cli.domain.verdict import Verdict, failed, passed, skipped, warned

# As pyproject.toml has it: from the first on, and below the second.
SDK_TESTED = ((16, 1), (17,))


class Declared(Protocol):
    """The settings, as far as they are looked at here; each method raises Misconfigured for what is not right."""

    @property
    def live(self) -> bool: ...
    @property
    def stripe_api_version(self) -> str | None: ...
    @property
    def config_file(self) -> Path | None: ...
    @property
    def has_wire(self) -> bool: ...
    @property
    def has_rest(self) -> bool: ...

    def require_stripe_key(self) -> str: ...
    def publishable_key(self) -> str | None: ...
    def stripe_addresses(self) -> tuple[str | None, str | None]: ...
    def webhook_secrets(self) -> list[str]: ...
    def priced_plans(self) -> list[PricedPlan]: ...
    def database_address(self) -> object: ...
    def db_tls(self) -> str | None: ...
    def require_db_url(self) -> str: ...


def environment_checks(
    settings: Declared, config_error: Misconfigured | None, sdk: SdkVersions, kept_log: AuditFile | None
) -> list[Check]:
    """`config_error`: why billing.toml could not be read; the rest was then looked at without it."""
    looks = {
        "billing-toml": lambda: billing_toml(settings.config_file, config_error),
        "stripe-key": lambda: stripe_key(settings),
        "publishable-key": lambda: publishable_key(settings),
        "webhook-secrets": lambda: webhook_secrets(settings.webhook_secrets()),
        "plan-prices": lambda: plan_prices(settings.priced_plans()),
        "database-address": lambda: database_address(settings),
        "database-tls": lambda: database_tls(settings.db_tls() if settings.has_wire else "unset"),
        "audit-file": lambda: audit_file(kept_log),
        "live-gate": lambda: live_gate(settings.live),
        "sdk-version": lambda: sdk_version(sdk),
        "api-version": lambda: api_version(settings.stripe_api_version, sdk),
    }
    return [Check(name, Subject.ENVIRONMENT, look, offline=True) for name, look in looks.items()]


def billing_toml(path: Path | None, error: Misconfigured | None) -> Iterator[Verdict]:
    if error is not None:
        raise error
    yield passed(f"{path} is understood." if path else "There is no billing.toml: no limits, defaults.")


def stripe_key(settings: Declared) -> Iterator[Verdict]:
    key = settings.require_stripe_key()
    api, _ = settings.stripe_addresses()
    kind = "A restricted key" if key.startswith("rk_") else "A secret key"
    yield passed(f"{kind} of {_mode(key)} mode{f', for {api}' if api else ''}.")


def publishable_key(settings: Declared) -> Iterator[Verdict]:
    key = settings.publishable_key()
    if key is None:
        yield warned("STRIPE_PUBLISHABLE_KEY is not set. billing does not use it.", "Set it, if your pages need it.")
        return
    mode, wanted = ("live" if key.startswith("pk_live_") else "test"), _mode(settings.require_stripe_key())
    if mode == wanted:
        yield passed(f"Of {mode} mode, as the secret key.")
    else:
        yield failed(
            f"STRIPE_PUBLISHABLE_KEY is of {mode} mode, STRIPE_SECRET_KEY of {wanted} mode.",
            "Set both to keys of the same mode.",
        )


def webhook_secrets(secrets: Sequence[str]) -> Iterator[Verdict]:
    if len(set(secrets)) < len(secrets):
        yield failed("STRIPE_WEBHOOK_SECRET has a secret twice.", "Leave one, or set the new and the old one.")
    else:
        yield passed("1 secret." if len(secrets) == 1 else f"{len(secrets)} secrets, as while one is rolled.")


def plan_prices(plans: Sequence[PricedPlan]) -> Iterator[Verdict]:
    if plans:
        yield passed(f"{', '.join(plan.plan_id for plan in plans)}; none is a placeholder.")
    else:
        yield warned("No plan has a price.", "Set STRIPE_PRICE_STARTER and so on, or [plans] in billing.toml.")


def database_address(settings: Declared) -> Iterator[Verdict]:
    settings.database_address()
    if not settings.has_wire:
        yield warned("SUPABASE_DB_URL is not set, and migrations need it.", "Set it where migrations are run.")
        return
    settings.require_db_url()
    yield passed("REST, and the wire for migrations." if settings.has_rest else "Over the wire.")


def database_tls(sslmode: str | None) -> Iterator[Verdict]:
    """`sslmode` as libpq has it; None for a server on this machine."""
    match sslmode:
        case "unset":
            yield skipped("SUPABASE_DB_URL is not set.")
        case None:
            yield passed("Not needed: the database is on this machine.")
        case "verify-full":
            yield passed("sslmode=verify-full: encrypted, and the server's certificate and host name are checked.")
        case "require" | "verify-ca":
            yield passed(f"sslmode={sslmode}: encrypted. The server's host name is not checked; verify-full does that.")
        case _:
            yield warned(
                f"sslmode={sslmode}: the password and all rows may be read on the way to the database.",
                "Write sslmode=require or verify-full in SUPABASE_DB_URL, and unset SUPABASE_DB_WITHOUT_TLS.",
            )


def audit_file(file: AuditFile | None) -> Iterator[Verdict]:
    if file is None:
        yield passed("BILLING_AUDIT_FILE is not set: the audit log is in the database alone.")
    else:
        file.look()
        yield passed(f"{file.path} can be appended to.")


def live_gate(live: bool) -> Iterator[Verdict]:
    if live:
        yield warned(
            "LIVE=true is set here: every command with --confirm writes.",
            "Unset it (unset LIVE), and put it in front of single commands.",
        )
    else:
        yield passed("LIVE is not set; it belongs in front of single commands.")


def sdk_version(sdk: SdkVersions) -> Iterator[Verdict]:
    parts = tuple(int(part) for part in re.findall(r"\d+", sdk.package)[:3])
    least, below = SDK_TESTED
    if least <= parts < below:
        yield passed(f"stripe-python {sdk.package}.")
    else:
        wanted = f"stripe>={'.'.join(map(str, least))},<{'.'.join(map(str, below))}"
        yield failed(f"stripe-python {sdk.package} is not what was tested.", f"pip install '{wanted}'")


def api_version(pinned: str | None, sdk: SdkVersions) -> Iterator[Verdict]:
    if pinned in (None, sdk.api):
        yield passed(f"{sdk.api}, the one that was tested.")
    elif not is_api_version(pinned):
        yield failed("STRIPE_API_VERSION is no API version.", f"Unset it, or set {sdk.api}.")
    elif is_older(pinned, OLDEST_FOR_MONEY):
        yield warned(
            f"STRIPE_API_VERSION pins {pinned}; refunds, adjustments and invoices need {OLDEST_FOR_MONEY} or newer.",
            f"Unset it, or set {sdk.api}.",
        )
    else:
        yield warned(f"STRIPE_API_VERSION pins {pinned}; {sdk.api} was tested.", "Unset it, unless you need it.")


def _mode(key: str) -> str:
    return "live" if is_live_key(key) else "test"
