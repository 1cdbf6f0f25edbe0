"""The environment and billing.toml, as frozen settings."""

from billing_cli.settings.billing_toml import CommandLimitsConfig, ReconcileConfig, minor_units
from billing_cli.settings.environment import DEFAULT_ENV_FILE, RestAddress, Settings, WireAddress

__all__ = [
    "DEFAULT_ENV_FILE",
    "CommandLimitsConfig",
    "ReconcileConfig",
    "RestAddress",
    "Settings",
    "WireAddress",
    "minor_units",
]
