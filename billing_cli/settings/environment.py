"""The environment as frozen settings, billing.toml within them; secrets never show in a repr."""

import getpass
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from billing_cli.domain.account import is_live_key
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.masking import holds_secret
from billing_cli.domain.price import PricedPlan
from billing_cli.settings.billing_toml import Config, load_config
from billing_cli.settings.config_file import config_file
from billing_cli.settings.env_file import read_env_file
from billing_cli.settings.postgres_url import (
    LOOPBACK,
    is_local,
    password_ends_early,
    passwords,
    sslmode,
    with_sslmode,
)
from billing_cli.settings.sentences import places

_PLACEHOLDER = re.compile(r"\.\.\.|…|<.*>|(^|_)x{3,}$|changeme|your[-_]|example\.com|placeholder", re.IGNORECASE)
DEFAULT_ENV_FILE = Path(".env")
# What no variable sets.
NO_VARIABLES = ("config", "config_file", "env_file")


@dataclass(frozen=True)
class RestAddress:
    """Supabase's REST address and the key that opens it."""

    url: str
    key: SecretStr


@dataclass(frozen=True)
class WireAddress:
    """A Postgres URL, password included."""

    url: SecretStr


class Settings(BaseModel):
    """Everything read from the environment. The process environment wins over the .env file, with an empty value too.

    `env_file` is the one that was named with --env-file; `config_file` the billing.toml that is in force, in full.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    # No secrets, but where one is easily pasted by mistake.
    stripe_publishable_key: SecretStr | None = None
    stripe_price_starter: str | None = None
    stripe_price_business: str | None = None
    stripe_price_enterprise: str | None = None
    stripe_api_version: str | None = None
    stripe_api_base: SecretStr | None = None
    stripe_meter_events_base: SecretStr | None = None
    supabase_url: SecretStr | None = None
    supabase_secret_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("supabase_secret_key", "supabase_service_role_key")
    )
    supabase_db_url: SecretStr | None = None
    supabase_db_without_tls: bool = False
    billing_actor: str | None = None
    billing_config: Path | None = None
    billing_audit_file: Path | None = None
    env_file: Path | None = None
    config_file: Path | None = None
    config: Config = Config()

    @classmethod
    def load(cls, env_file: Path | None = None) -> "Settings":
        """Settings from the environment and `env_file` (or .env). Raises Misconfigured in a sentence."""
        return cls.without_config(env_file).with_config()

    @classmethod
    def without_config(cls, env_file: Path | None = None) -> "Settings":
        """As if there were no billing.toml."""
        values = read_env_file(env_file, DEFAULT_ENV_FILE)
        # In a file, a path counts from there: the same file means the same in every directory.
        for name in ("billing_config", "billing_audit_file"):
            if env_file and values.get(name):
                values[name] = str(env_file.parent / values[name])
        values |= {name.lower(): value for name, value in os.environ.items()}
        given = {name: value for name, value in values.items() if value and name not in NO_VARIABLES}
        try:
            settings = cls.model_validate({**given, "env_file": env_file})
        except ValidationError as error:
            raise Misconfigured(
                f"The settings in the environment cannot be read: {places(error)}.",
                f"Set them again, in the environment or in {env_file or DEFAULT_ENV_FILE}.",
            ) from None
        settings.refuse_misplaced_secrets()
        return settings

    def with_config(self) -> "Settings":
        """With billing.toml. Raises Misconfigured where it cannot be found, read or understood."""
        path = config_file(self.billing_config, self.env_file)
        return self.model_copy(update={"config_file": path, "config": load_config(path)})

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("settings hold secrets, and are not pickled")

    def secrets(self) -> list[str]:
        """All that is secret, as it is written and as it is sent: keys, signing secrets, the database's password."""
        keys = [self.stripe_secret_key, self.supabase_secret_key, self.supabase_db_url, self.stripe_webhook_secret]
        texts = [key.get_secret_value() for key in keys if key]
        signing = self.stripe_webhook_secret.get_secret_value().split(",") if self.stripe_webhook_secret else []
        address = self.supabase_db_url.get_secret_value() if self.supabase_db_url else ""
        return [*texts, *(secret.strip().strip("\"'") for secret in signing), *passwords(address)]

    def refuse_misplaced_secrets(self) -> None:
        """Raises Misconfigured where what is shown, logged or sent holds what looks like a secret."""
        for name, value in self:
            if isinstance(value, str | Path) and holds_secret(str(value)):
                raise Misconfigured(
                    f"{name.upper()} holds what looks like a secret.",
                    f"Correct {name.upper()}, and roll the secret if others could see it.",
                )

    @property
    def has_rest(self) -> bool:
        return self.supabase_url is not None

    @property
    def has_wire(self) -> bool:
        return self.supabase_db_url is not None

    @property
    def live(self) -> bool:
        """Whether LIVE=true in the process environment. A file could not be taken back in time."""
        return os.environ.get("LIVE") == "true"

    @property
    def actor(self) -> str:
        """Who is recorded in the audit log."""
        if self.billing_actor:
            return self.billing_actor
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return f"uid {os.getuid()}"

    def require_stripe_key(self) -> str:
        """The secret key. Raises Misconfigured if it is missing, a placeholder, or of another kind."""
        key = _required("STRIPE_SECRET_KEY", self.stripe_secret_key)
        if not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
            raise Misconfigured(
                "STRIPE_SECRET_KEY is not a secret key.",
                "It starts with sk_test_, sk_live_, rk_test_ or rk_live_.",
            )
        if not key.isascii() or key != key.strip() or " " in key:
            raise Misconfigured("STRIPE_SECRET_KEY has characters that no key has.", "Copy it again from Stripe.")
        return key

    def publishable_key(self) -> str | None:
        """The publishable key, if there is one. Raises Misconfigured for a placeholder or another kind of key."""
        if self.stripe_publishable_key is None:
            return None
        key = _required("STRIPE_PUBLISHABLE_KEY", self.stripe_publishable_key)
        if not key.startswith(("pk_test_", "pk_live_")):
            raise Misconfigured(
                "STRIPE_PUBLISHABLE_KEY is not a publishable key.", "It starts with pk_test_ or pk_live_."
            )
        return key

    def webhook_secrets(self) -> list[str]:
        """The signing secrets, the current one first. Raises Misconfigured where none is set, or one cannot verify."""
        text = _required("STRIPE_WEBHOOK_SECRET", self.stripe_webhook_secret)
        secrets = [secret.strip() for secret in text.split(",") if secret.strip()]
        if any(re.search("[\"'\\s]", secret) for secret in secrets):
            raise Misconfigured(
                "STRIPE_WEBHOOK_SECRET has a quote or a blank in a secret.", "Take it out: whsec_new,whsec_old."
            )
        if any(not secret.startswith("whsec_") for secret in secrets):
            raise Misconfigured(
                "STRIPE_WEBHOOK_SECRET is not a signing secret.",
                "It starts with whsec_; Stripe shows it with the webhook endpoint.",
            )
        return secrets

    def priced_plans(self) -> list[PricedPlan]:
        """Every plan that has prices, the environment before billing.toml. Raises Misconfigured for a placeholder."""
        variables = {
            "starter": self.stripe_price_starter,
            "business": self.stripe_price_business,
            "enterprise": self.stripe_price_enterprise,
        }
        named = {plan: (price,) for plan, price in variables.items() if price}
        file = self.config_file.name if self.config_file else "billing.toml"
        plans = [PricedPlan(plan, prices, f"STRIPE_PRICE_{plan.upper()}") for plan, prices in named.items()]
        plans += [
            PricedPlan(plan, prices, f"{plan} under [plans] in {file}")
            for plan, prices in self.config.plans.items()
            if plan not in named
        ]
        for plan in plans:
            for price_id in plan.price_ids:
                _check_price_id(plan.origin, price_id)
        return plans

    def stripe_addresses(self) -> tuple[str | None, str | None]:
        """Other addresses for Stripe's API and its meter event stream; none with a live key."""
        api = _base("STRIPE_API_BASE", self.stripe_api_base)
        meter_events = _base("STRIPE_METER_EVENTS_BASE", self.stripe_meter_events_base) or api
        if meter_events and is_live_key(self.require_stripe_key()):
            raise Misconfigured(
                "STRIPE_API_BASE or STRIPE_METER_EVENTS_BASE is set together with a live key.",
                "Unset it: a live key goes to Stripe's own address only.",
            )
        return api, meter_events

    def database_address(self) -> RestAddress | WireAddress:
        """Where the database is: over REST if SUPABASE_URL is set, else over the wire."""
        if self.supabase_url:
            url = _base("SUPABASE_URL", SecretStr(_required("SUPABASE_URL", self.supabase_url)))
            return RestAddress(url or "", SecretStr(_required("SUPABASE_SECRET_KEY", self.supabase_secret_key)))
        if self.supabase_db_url is None:
            raise Misconfigured(
                "No database is configured.", "Set SUPABASE_URL and SUPABASE_SECRET_KEY, or SUPABASE_DB_URL."
            )
        return WireAddress(SecretStr(self.require_db_url()))

    def require_db_url(self) -> str:
        """The Postgres URL, which migrations always need; TLS is required in it, unless another mode is in force."""
        url = _required("SUPABASE_DB_URL", self.supabase_db_url)
        if not url.startswith(("postgresql://", "postgres://")):
            raise Misconfigured(
                "SUPABASE_DB_URL is not a postgresql:// address.", "Copy it from Supabase, under Connect."
            )
        if password_ends_early(url):
            raise Misconfigured(
                "The password in SUPABASE_DB_URL has an @ or a / in it.",
                "Percent-encode the password: %40 for @, %2F for /.",
            )
        return with_sslmode(url, self.supabase_db_without_tls)

    def db_tls(self) -> str | None:
        """The sslmode in force for SUPABASE_DB_URL; None on this machine. Raises Misconfigured as above."""
        url = self.require_db_url()
        return None if is_local(url) else sslmode(url, self.supabase_db_without_tls)


def _required(name: str, value: SecretStr | None) -> str:
    text = value.get_secret_value() if value else ""
    if not text.strip():
        raise Misconfigured(f"{name} is not set.", f"Set {name} in the environment or in .env (see .env.example).")
    if _PLACEHOLDER.search(text):
        raise Misconfigured(f"{name} still holds a placeholder.", f"Set {name} to its real value.")
    return text


def _check_price_id(name: str, text: str) -> None:
    price_id = _required(name, SecretStr(text))
    if price_id.startswith("prod_") or not re.fullmatch(r"[\w-]+", price_id, re.ASCII):
        raise Misconfigured(
            f"{name} is not the id of a price.", "It starts with price_; Stripe shows it at the product."
        )


def _base(name: str, secret: SecretStr | None) -> str | None:
    """An address without its last slash; plain http only to this machine, for it carries a key."""
    if secret is None:
        return None
    value = secret.get_secret_value()
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises where the port is no number
    except ValueError:
        raise Misconfigured(f"{name} is not an address.", f"Correct {name}.") from None
    if not (parts.scheme == "https" and parts.hostname) and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise Misconfigured(f"{name} must be an https address, or http on this machine.", f"Correct {name}.")
    if "@" in parts.netloc:
        raise Misconfigured(f"{name} has a name or password in it.", f"Take it out of {name}: the key is enough.")
    return value.rstrip("/")
