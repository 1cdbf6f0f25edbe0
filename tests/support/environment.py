"""The environment of a `billing` process against the test servers."""

import os

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"


def wire_environment(db_url: str, stripe_url: str, live: bool = True) -> dict[str, str]:
    """Over the wire."""
    return {**_base(stripe_url, live), "SUPABASE_DB_URL": db_url}


def rest_environment(rest_url: str, service_key: str, stripe_url: str, live: bool = True) -> dict[str, str]:
    """Over REST."""
    return {**_base(stripe_url, live), "SUPABASE_URL": rest_url, "SUPABASE_SECRET_KEY": service_key}


def _base(stripe_url: str, live: bool) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    gate = {"LIVE": "true"} if live else {}
    return {**kept, **gate, "STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": stripe_url, "BILLING_ACTOR": "tester"}
