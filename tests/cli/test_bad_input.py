"""Bad input gets one sentence, the next step and the documented exit code; never a traceback or a secret."""

import pytest
from support.environment import KEY, wire_environment
from support.stripe_control import StripeDouble
from support.usage import Connection, add_companies, add_usage

from billing_cli.cli.app import run

DATES = ["--start", "2026-01-01", "--end", "2026-01-31"]
PASSWORD = "hunter2secret"


@pytest.fixture
def environment(
    db_url: str, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    stripe.bulk(add_companies(sql, 1), [{"event_name": "api_calls"}])
    add_usage(sql, "co_1", "api_calls", 1)
    for name, value in wire_environment(db_url, stripe.url).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["export", "--start", "2026-02-30", "--end", "2026-03-01"], 2),
        (["export", "--start", "2026-03-02", "--end", "2026-03-01"], 2),
        (["export", "--start", "2026-01-01", "--end", "2999-01-01"], 2),
        (["export", "--period", "fortnight"], 2),
        (["export", "--period", "yesterday", *DATES], 2),
        (["reconcile", "usage"], 2),
        (["export", "--start", "2026-01-01"], 2),
        (["export", *DATES, "--company", "co_nobody"], 2),
        (["export", *DATES, "--meter", "nothing"], 2),
        (["export", *DATES, "--expect", "short", "--confirm"], 2),
        (["export", "--bogus"], 2),
        (["export", *DATES, "--plan-out", "/nowhere/at/all.json"], 2),
        *((["export", *DATES, "--confirm", "--rate", rate], 2) for rate in ("0", "-1", "nan", "inf", "1e300")),
        (["export", *DATES, "--confirm", "--workers", "0"], 2),
        (["batches", "resume", "exp_none", "--confirm", "--rate", "inf"], 2),
        (["frobnicate"], 2),
        (["batches", "show", "exp_none"], 2),
        (["batches", "show", "exp_none", "--state", "nonsense"], 2),
        (["batches", "resume", "exp_none", "--confirm"], 2),
        (["--env-file", "/nowhere/at/all", "export", *DATES], 78),
    ],
)
@pytest.mark.usefixtures("environment")
def test_wrong_words(arguments: list[str], code: int, sql: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == code
    _assert_one_sentence(capsys.readouterr().err)
    _assert_nothing_written(sql)


@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [
        (["--bogus"], "billing --help"),
        (["export", "--rate", "0"], "billing export --help"),
        (["export", "--period"], "billing export --help"),
        (["batches", "frobnicate"], "billing batches --help"),
        (["batches", "show", "exp_none", "--state", "nonsense"], "billing batches show --help"),
    ],
)
def test_wrong_words_name_the_help_of_their_command(
    arguments: list[str], help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert f"See: {help_of}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "code", "said"),
    [
        ("STRIPE_SECRET_KEY", "", 78, "STRIPE_SECRET_KEY is not set"),
        ("STRIPE_SECRET_KEY", "sk_test_...", 78, "placeholder"),
        ("STRIPE_SECRET_KEY", "pk_test_abc", 78, "not a secret key"),
        ("STRIPE_SECRET_KEY", "sk_test_invalid", 78, "does not accept the key"),
        ("STRIPE_SECRET_KEY", "rk_test_noperm", 78, "may not do this"),
        ("STRIPE_SECRET_KEY", "sk_live_abc", 78, "live key"),
        ("STRIPE_API_BASE", "http://stripe.test", 78, "https"),
        ("STRIPE_API_BASE", "http://127.0.0.1:1", 75, "Stripe cannot be reached at 127.0.0.1:1 (connection refused)"),
        ("SUPABASE_DB_URL", f"postgresql://u:{PASSWORD}@127.0.0.1:1/x", 75, "at 127.0.0.1:1 (connection refused)"),
        ("SUPABASE_DB_URL", f"postgresql://u:{PASSWORD}@gone.invalid/x", 75, "at gone.invalid:5432 (name not found)"),
        ("SUPABASE_URL", "https://127.0.0.1:1", 75, "at 127.0.0.1:1 (connection refused)"),
        ("SUPABASE_DB_URL", f"mysql://u:{PASSWORD}@127.0.0.1/x", 78, "postgresql://"),
        ("SUPABASE_DB_URL", "", 78, "No database is configured"),
        ("SUPABASE_URL", "https://your-project.supabase.co", 78, "placeholder"),
        ("BILLING_CONFIG", "/nowhere/billing.toml", 78, "no file"),
    ],
)
def test_wrong_settings(
    name: str,
    value: str,
    code: int,
    said: str,
    environment: pytest.MonkeyPatch,
    sql: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)
    environment.setenv("SUPABASE_SECRET_KEY", "sb_secret_0fSupabase")
    environment.setenv(name, value)
    assert run(["export", *DATES, "--confirm"]) == code
    err = capsys.readouterr().err
    assert said in err
    _assert_one_sentence(err)
    _assert_nothing_written(sql)


def test_a_database_without_our_migrations(
    environment: pytest.MonkeyPatch, plain_db_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("SUPABASE_DB_URL", plain_db_url)
    assert run(["export", *DATES]) == 78
    assert "billing db migrate --confirm" in capsys.readouterr().err
    assert run(["db", "status"]) == 3


def test_live_counts_only_from_the_process_environment(
    environment: pytest.MonkeyPatch, tmp_path: object, stripe: StripeDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("LIVE")
    with open(f"{tmp_path}/env", "w") as file:
        file.write("LIVE=true\n")
    assert run(["--env-file", f"{tmp_path}/env", "export", "--period", "yesterday", "--confirm"]) == 4
    environment.setenv("LIVE", "TRUE")
    assert run(["export", "--period", "yesterday", "--confirm"]) == 4
    assert stripe.events() == []


@pytest.mark.parametrize(
    "toml", ["[exprt]\n", "[export]\nexpected_skips = ['typo']\n", "not toml", "[meters.x]\nkey = 1\n"]
)
def test_a_wrong_billing_toml_is_named(
    toml: str, environment: pytest.MonkeyPatch, tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(f"{tmp_path}/billing.toml", "w") as file:
        file.write(toml)
    environment.setenv("BILLING_CONFIG", f"{tmp_path}/billing.toml")
    assert run(["export", *DATES]) == 78
    assert "billing.toml" in capsys.readouterr().err


@pytest.mark.parametrize("sign", ["\x1b[2J", "\x00", "\x7f", "\x9b", "\u202e"])
def test_a_word_that_could_not_be_typed_again_is_refused(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["refund", "co_1", "pi_1", "--reason", "duplicate", "--note", f"a{sign}b"]) == 2
    err = capsys.readouterr().err
    assert "Word 7 after `billing` has a control character" in err
    assert sign not in err
    assert run(["frobnicate", "two lines\nand a tab\t"]) == 2
    assert "No such command" in capsys.readouterr().err


def _assert_one_sentence(err: str) -> None:
    lines = [line for line in err.strip().splitlines() if not line.startswith("warning: ")]
    assert lines[0].startswith("billing: ")
    assert len(lines) <= 2
    assert "Traceback" not in err
    assert KEY not in err
    assert PASSWORD not in err


def _assert_nothing_written(sql: Connection) -> None:
    for table in ("billing_export_batches", "billing_export_items", "billing_audit_log"):
        assert sql.execute(f"select count(*) from {table}").fetchone() == (0,)


@pytest.mark.parametrize("option", ["--json", "--env-file", "--quiet", "--no-color", "--version"])
def test_a_global_option_after_the_command_is_told_where_it_goes(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", option]) == 2
    assert f"{option} goes before the command: billing {option} …" in capsys.readouterr().err
