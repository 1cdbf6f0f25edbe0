"""Settings as an operator may get them wrong: addresses, placeholders, and secrets in any message."""

import json
import os
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_cli.cli.app import run
from billing_cli.domain.errors import Misconfigured
from billing_cli.settings import RestAddress, Settings

KEY, LIVE_KEY = "sk_test_4eC39HqLyjWD", "sk_live_4eC39HqLyjWD"
SECRETS = {
    "STRIPE_SECRET_KEY": KEY,
    "STRIPE_WEBHOOK_SECRET": "whsec_5ecretOfHooks",
    "SUPABASE_SECRET_KEY": "sb_secret_0fSupabase",
    "SUPABASE_DB_URL": "postgresql://postgres:s3cretpw@127.0.0.1/db",
}
LOOPBACK = "http://127.0.0.1:4242"
PREFIXES = ("STRIPE_", "SUPABASE_", "BILLING_", "LIVE")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_a_named_file_stands_in_for_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("BILLING_ACTOR=default\n")
    Path("other.env").write_text("BILLING_ACTOR=other\nLIVE=true\nUNRELATED=1\n")
    loaded = Settings.load(Path("other.env"))
    assert (loaded.actor, loaded.live) == ("other", False)
    monkeypatch.setenv("BILLING_ACTOR", "process")
    assert Settings.load(Path("other.env")).actor == "process"


def test_the_example_is_refused_name_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text((Path(__file__).parents[2] / ".env.example").read_text())
    loaded = Settings.load()
    assert loaded.live is False
    with pytest.raises(Misconfigured, match="STRIPE_SECRET_KEY still holds a placeholder"):
        loaded.require_stripe_key()
    with pytest.raises(Misconfigured, match="SUPABASE_URL still holds a placeholder"):
        loaded.database_address()
    with pytest.raises(Misconfigured, match="SUPABASE_SECRET_KEY still holds a placeholder"):
        load(monkeypatch, SUPABASE_URL=LOOPBACK).database_address()
    with pytest.raises(Misconfigured, match="SUPABASE_DB_URL still holds a placeholder"):
        loaded.require_db_url()


@pytest.mark.parametrize(
    "key", ["sk_test_xxx", "sk_test_XXXXXXXX", "sk_live_<secret>", "sk_test_your_key", "sk_test_…"]
)
def test_a_placeholder_is_known_behind_its_prefix_too(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(Misconfigured, match="placeholder"):
        load(monkeypatch, STRIPE_SECRET_KEY=key).require_stripe_key()


@pytest.mark.parametrize("key", ["sk_test_51HxXxQLyjWDarjtT1", "sk_live_51HqLyjWDaxXXjtT1zdp7dc", "rk_test_51xxxL"])
def test_a_real_key_may_hold_any_letters(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    assert load(monkeypatch, STRIPE_SECRET_KEY=key).require_stripe_key() == key


@pytest.mark.parametrize("name", ["STRIPE_API_BASE", "STRIPE_METER_EVENTS_BASE"])
@pytest.mark.parametrize(
    "url", ["http://stripe.test", "http://127.0.0.1.evil.test", "http://[bad", "https://", "http://127.0.0.1:port", "x"]
)
def test_stripes_address_is_https_or_here(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        load(monkeypatch, STRIPE_SECRET_KEY=KEY, **{name: url}).stripe_addresses()


@pytest.mark.parametrize("name", ["STRIPE_API_BASE", "STRIPE_METER_EVENTS_BASE"])
@pytest.mark.parametrize("url", [LOOPBACK, "https://stripe.test"])
@pytest.mark.parametrize("key", [LIVE_KEY, LIVE_KEY.replace("sk_", "rk_")])
def test_a_live_key_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch, name: str, url: str, key: str) -> None:
    with pytest.raises(Misconfigured, match="live key") as caught:
        load(monkeypatch, STRIPE_SECRET_KEY=key, **{name: url}).stripe_addresses()
    assert key not in caught.value.message + caught.value.next_step


def test_without_another_address_it_is_stripes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, STRIPE_SECRET_KEY=LIVE_KEY).stripe_addresses() == (None, None)


def test_the_newer_name_of_the_supabase_key_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, SUPABASE_URL=f"{LOOPBACK}/", SUPABASE_SERVICE_ROLE_KEY="old", SUPABASE_SECRET_KEY="new")
    address = loaded.database_address()
    assert isinstance(address, RestAddress)
    assert (address.url, address.key.get_secret_value()) == (LOOPBACK, "new")


@pytest.mark.parametrize(
    "text", ["whsec_new,whsec_old", " whsec_new, whsec_old ", "whsec_new,\twhsec_old,", ",whsec_new ,whsec_old"]
)
def test_blanks_around_signing_secrets_are_no_part_of_them(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", text)
    assert Settings.load().webhook_secrets() == ["whsec_new", "whsec_old"]


@pytest.mark.parametrize(
    "text", ['"whsec_new,whsec_old"', "whsec_new,'whsec_old'", "whsec_new whsec_old", ' "whsec_new"']
)
def test_a_signing_secret_that_cannot_verify_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", text)
    assert run(["verify-webhook", os.devnull]) == 78
    assert "STRIPE_WEBHOOK_SECRET has a quote or a blank" in capsys.readouterr().err
    run(["--json", "doctor", "--offline"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [found["level"] for found in findings if found["check"] == "webhook-secrets"] == ["fail"]


@pytest.mark.parametrize(
    "password", ["pa@ss/w#rd", "pa@ss", "pa/ss", "pa/ss@wrd", "p#a/s@s", "/pass", "pass@", "p?a/ss"]
)
def test_a_password_that_is_not_percent_encoded_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], password: str
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", f"postgresql://postgres:{password}@127.0.0.1:1/x")
    monkeypatch.setenv("STRIPE_SECRET_KEY", KEY)
    assert run(["audit", "list"]) == 78
    said = capsys.readouterr().err
    assert "Percent-encode the password" in said
    assert not any(part in said for part in ("pa@ss", "ss/w", "w#rd", password))


@pytest.mark.parametrize(
    "rest",
    ["u:p%40%2F@h/db", "u:p#?@h:1,i:2/db", "u@h/db?options=a@b", "/db?user=a@b&host=/tmp", "h/db", "u:p@[::1]:5432/db"],
)
def test_an_address_that_postgres_reads_right_is_taken(monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", f"postgresql://{rest}")
    assert re.sub(r"[?&]sslmode=require$", "", Settings.load().require_db_url()) == f"postgresql://{rest}"


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, **SECRETS)
    shown = repr(loaded) + str(loaded) + repr(loaded.database_address()) + loaded.model_dump_json()
    assert not any(secret in shown for secret in [*SECRETS.values(), "s3cretpw"])


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("mangled", ["mysql://{}", "<{}>", "{} ...", "pk_{}", "sk_test_{} x"])
def test_no_secret_is_in_an_error(monkeypatch: pytest.MonkeyPatch, name: str, mangled: str) -> None:
    loaded = load(monkeypatch, **{name: mangled.format(SECRETS[name])})
    for asked in (loaded.require_stripe_key, loaded.require_db_url, loaded.database_address, loaded.stripe_addresses):
        try:
            asked()
        except Misconfigured as error:
            assert SECRETS[name] not in "".join(traceback.format_exception(error)) + error.next_step


@given(st.text(max_size=40).filter(lambda text: "\x00" not in text and text.isprintable()))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_address_is_taken_or_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}"):
        loaded = load(monkeypatch, STRIPE_SECRET_KEY=KEY, STRIPE_API_BASE=url)
        try:
            api, _ = loaded.stripe_addresses()
        except Misconfigured:
            continue
        assert not api or api.startswith(("https://", "http://"))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[export]\nexpected_skips = ['too_late']\n", "too_late"),
        ("[export]\nfail_on = ['unusual', 'odd']\n", "fail_on names odd"),
        ("[exprt]\n", "exprt"),
        ("[meters.calls]\nevent = 'api_calls'\n", r"meters\.calls\.event"),
        ("[meters.calls]\nevent_name = 5\n", r"meters\.calls\.event_name"),
        ("meters = 3\n", "meters"),
        ("[export\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_billing_toml_is_named(monkeypatch: pytest.MonkeyPatch, toml: str, said: str) -> None:
    Path("mine.toml").write_text(toml)
    with pytest.raises(Misconfigured, match=rf"mine\.toml.*{said}"):
        load(monkeypatch, BILLING_CONFIG="mine.toml")


def test_a_right_billing_toml_is_read() -> None:
    Path("billing.toml").write_text(
        "[meters.calls]\nevent_name = 'api_calls'\n[export]\nexpected_skips = ['too_old']\n"
    )
    config = Settings.load().config
    assert config.meters["calls"].event_name == "api_calls"
    assert config.export.expected_skips == {"too_old"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[limits]\napproval_hours = 0\n", "limits.approval_hours must be at least 1"),
        ("[limits]\napproval_hour = 1\n", "limits.approval_hour is not known"),
        ("[limits.refund]\nper_day = { usd = 5 }\n", "limits.refund.per_day.usd must be text in quotes"),
        ("[export]\nlate_usage = 'foo'\n", "export.late_usage must be 'hold', 'carry' or 'send'"),
        ("meters = 3\n", "meters must be a section"),
        ("[plans]\npro = []\n", "plans.pro must not be empty"),
        ("[meters.x]\nprice = 'price_1'\n", 'meters.x is refused: price and unit go with backend = "usage-records"'),
    ],
)
def test_billing_toml_is_judged_in_our_words(toml: str, said: str) -> None:
    Path("billing.toml").write_text(toml)
    with pytest.raises(Misconfigured) as caught:
        Settings.load()
    assert said in caught.value.message
    assert caught.value.next_step == "Correct or remove them; docs/configuration.md has every section."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "my.env is no text in UTF-8."),
        (b"A=1\n\n# fine\n\nthis is junk\nB=2\n", "my.env, line 5, is no setting."),
        (b"A='begun\nB=2\n", "my.env, line 1, is no setting."),
        (None, "my.env is a directory; settings are read from a file."),
    ],
)
def test_a_settings_file_that_is_none_is_named(
    content: bytes | None, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("my.env").mkdir() if content is None else Path("my.env").write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        Settings.load(Path("my.env"))
    assert caught.value.message == said
    assert caught.value.next_step
    assert capfd.readouterr().err == ""


def test_an_empty_name_is_no_file() -> None:
    with pytest.raises(Misconfigured, match="--env-file names no file"):
        Settings.load(Path())


def test_an_empty_value_in_the_process_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"STRIPE_SECRET_KEY={KEY}\n")
    with pytest.raises(Misconfigured, match="STRIPE_SECRET_KEY is not set"):
        load(monkeypatch, STRIPE_SECRET_KEY="").require_stripe_key()


def test_a_variable_that_is_called_like_a_part_of_ours_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, CONFIG="x", CONFIG_FILE="y", ENV_FILE="z").config_file is None
