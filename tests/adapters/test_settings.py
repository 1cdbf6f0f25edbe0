"""Settings: where they come from, what is refused, and that no secret shows."""

from pathlib import Path

import pytest

from billing_cli.domain.errors import Misconfigured
from billing_cli.settings import RestAddress, Settings, WireAddress

NAMES = [
    "STRIPE_SECRET_KEY",
    "STRIPE_API_BASE",
    "STRIPE_METER_EVENTS_BASE",
    "SUPABASE_URL",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_DB_URL",
    "LIVE",
    "BILLING_ACTOR",
    "BILLING_CONFIG",
]
TEST_KEY, LIVE_KEY = "sk_test_4eC39HqLyjWD", "sk_live_4eC39HqLyjWD"
LOOPBACK = "http://127.0.0.1:4242"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_the_process_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("BILLING_ACTOR=file\n")
    assert Settings.load().actor == "file"
    assert load(monkeypatch, BILLING_ACTOR="process").actor == "process"


@pytest.mark.parametrize(("value", "live"), [("true", True), ("TRUE", False), ("1", False), (" true", False)])
def test_live_is_exactly_true(monkeypatch: pytest.MonkeyPatch, value: str, live: bool) -> None:
    assert load(monkeypatch, LIVE=value).live is live


def test_live_never_counts_from_a_file() -> None:
    Path(".env").write_text("LIVE=true\n")
    assert Settings.load().live is False


@pytest.mark.parametrize("key", ["sk_test_...", "xxx", "changeme", "<key>", "your-key", "pk_test_123", ""])
def test_a_placeholder_or_a_wrong_kind_of_key_is_named(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(Misconfigured, match="STRIPE_SECRET_KEY"):
        load(monkeypatch, STRIPE_SECRET_KEY=key).require_stripe_key()


def test_rest_wins_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = load(monkeypatch, SUPABASE_DB_URL="postgresql://u:p@127.0.0.1/db")
    assert isinstance(wire.database_address(), WireAddress)
    rest = load(monkeypatch, SUPABASE_URL=LOOPBACK, SUPABASE_SERVICE_ROLE_KEY="sb_secret_1")
    assert isinstance(rest.database_address(), RestAddress)


@pytest.mark.parametrize("url", ["http://db.internal", "ftp://127.0.0.1", "https://", "127.0.0.1"])
def test_a_key_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(Misconfigured, match="SUPABASE_URL"):
        load(monkeypatch, SUPABASE_URL=url, SUPABASE_SECRET_KEY="sb_secret_1").database_address()


def test_stripes_other_address_serves_meter_events_too(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, STRIPE_SECRET_KEY=TEST_KEY, STRIPE_API_BASE=LOOPBACK)
    assert settings.stripe_addresses() == (LOOPBACK, LOOPBACK)


def test_a_live_key_goes_to_stripe_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="live key"):
        load(monkeypatch, STRIPE_SECRET_KEY=LIVE_KEY, STRIPE_API_BASE=LOOPBACK).stripe_addresses()


def test_no_secret_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        STRIPE_SECRET_KEY=TEST_KEY,
        SUPABASE_SECRET_KEY="sb_secret_1",
        SUPABASE_DB_URL="postgresql://u:s3cretpw@127.0.0.1/db",
    )
    shown = repr(settings) + str(settings) + repr(settings.database_address())
    assert not any(secret in shown for secret in (TEST_KEY, "sb_secret_1", "s3cretpw"))


def test_an_unknown_key_of_billing_toml_is_named() -> None:
    Path("billing.toml").write_text('[export]\nexpected_skip = ["too_old"]\n')
    with pytest.raises(Misconfigured, match=r"billing\.toml.*export\.expected_skip"):
        Settings.load()


def test_only_a_file_that_was_named_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().config.meters == {}
    with pytest.raises(Misconfigured, match=r"other\.toml"):
        load(monkeypatch, BILLING_CONFIG="other.toml")
    with pytest.raises(Misconfigured, match=r"no\.env"):
        Settings.load(Path("no.env"))


@pytest.mark.parametrize(
    "toml",
    [
        f"meters = {'[' * 5000}{']' * 5000}",
        f"meters = {'{a=' * 3000}1{'}' * 3000}",
        f"[{'.'.join('a' * 5000)}]",
        f"{'.'.join('a' * 200_000)} = 1",
        f"[[{'.'.join('a' * 200)}]]",
        f"meters.a{'.a' * 200} = 1",
        f"meters = {'9' * 5000}",
        "a" * (2 << 20),
    ],
    ids=["arrays", "tables", "header", "name", "array of tables", "dotted", "digits", "size"],
)
def test_what_is_too_deep_or_too_large_in_billing_toml_is_refused(toml: str) -> None:
    Path("billing.toml").write_text(toml)
    with pytest.raises(Misconfigured, match=r"billing\.toml is (nested|not valid TOML|larger)"):
        Settings.load()


def test_an_env_file_is_not_read_beyond_measure() -> None:
    Path(".env").write_text("#" * (2 << 20))
    with pytest.raises(Misconfigured, match=r"\.env is larger than 1 MiB"):
        Settings.load()


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ("postgresql://u:p@db.x.supabase.co:5432/postgres", "require"),
        ("postgresql://u:p@db.x.supabase.co/postgres?application_name=x", "require"),
        ("postgresql://u:p@127.0.0.1,db.x.supabase.co/postgres", "require"),
        ("postgresql://u:p@db.x.supabase.co/postgres?sslmode=verify-full", "verify-full"),
        ("postgresql://u:p@db.x.supabase.co/postgres?sslmode=disable", "disable"),
        ("postgresql://u:p@127.0.0.1:5432/postgres", None),
        ("postgresql://u:p@[::1]:5432/postgres", None),
        ("postgresql:///postgres?host=/var/run/postgresql", None),
        ("postgresql:///postgres", None),
        ("postgresql://u:p@localhost/postgres?hostaddr=10.0.0.1", "require"),
    ],
)
def test_tls_is_required_unless_the_database_is_on_this_machine(
    address: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", address)
    settings = Settings.load()
    assert settings.db_tls() == mode
    assert settings.require_db_url().count("sslmode=") == (mode is not None)


@pytest.mark.parametrize(("variable", "host"), [("PGHOST", "db.x.supabase.co"), ("PGHOSTADDR", "10.0.0.1")])
def test_tls_is_required_if_the_host_comes_from_libpqs_variables(
    variable: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql:///postgres")
    monkeypatch.setenv(variable, host)
    assert Settings.load().db_tls() == "require"


def test_the_password_goes_in_clear_only_by_a_setting_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://u:p@db.x.supabase.co:5432/postgres"
    monkeypatch.setenv("SUPABASE_DB_URL", address)
    monkeypatch.setenv("SUPABASE_DB_WITHOUT_TLS", "true")
    settings = Settings.load()
    assert (settings.require_db_url(), settings.db_tls()) == (address, "prefer")
