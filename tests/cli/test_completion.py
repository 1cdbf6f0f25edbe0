"""What the shell is offered, by the protocol that the shells speak; and a bash that is really asked."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command_tree import leaves
from support.postgrest import PostgrestDouble
from support.usage import Connection

from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.cli.app import complete as answer
from billing_cli.cli.app import run
from billing_cli.usecases.completion import candidates

Complete = Callable[..., list[str]]
COMPANIES = "insert into billing_companies (company_id, name) values (%s, %s)"
BATCHES = """
insert into billing_export_batches (batch_id, stripe_account_id, livemode, window_start, window_end, state, plan_digest,
  lines_hash, actor, opened_at)
values (%s, 'acct_1', false, '2026-11-23Z', '2026-11-24Z', 'done', 'd', 'h', 'tester', now() - make_interval(hours => %s))
"""
INTENTS = """
insert into billing_intents (intent_id, stripe_account_id, livemode, command, kind, company_id, subject, amount_minor,
  currency, in_favour_of_company, request, reason, plan_digest, actor, state)
values (%s, 'acct_1', false, 'refund', 'refund', 'co_1', 'pi_1', 1, 'usd', true, '{}', 'r', 'd', 'tester', 'done')
"""
EVENTS = """
insert into billing_webhooks (event_id, event_type, thin, livemode, created_at, payload, source, deliveries)
values (%s, 'invoice.paid', false, false, now() - make_interval(hours => %s), '{}', 'fetch', 0)
"""
APPROVALS = """
insert into billing_approvals (approval_id, digest, command, stripe_account_id, livemode, maker, maker_key, approver,
  approver_key, signature, expires_at, used_at)
values (%s, %s, 'refund', 'acct_1', false, 'ana', 'k1', 'bob', 'k2', 's', now()::text, case when %s then now() end)
"""
PAYMENTS = "insert into billing_payments (payment_intent_id, company_id, status, created_at) values (%s, %s, 'succeeded', '2026-11-01Z')"
# `billing` that gives up as late as a machine under load may need: when it does has a test of its own.
PATIENT = """
import sys
from billing_cli.cli import completion
from billing_cli.__main__ import main
completion._GIVE_UP_S = 100.0
sys.argv[0] = "billing"
main()
"""
INVOICES = "insert into billing_invoices (invoice_id, company_id, number, status) values (%s, %s, 'A-1', 'open')"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("STRIPE_", "SUPABASE_", "BILLING_", "LIVE"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")  # given back when the test ends: answering sets it


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """What is offered for the last word of a line; nothing may be said beside it."""

    def ask(line: str, shell: str = "bash") -> list[str]:
        for name, value in protocol(line, shell).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        assert answer() == 0
        out, err = capsys.readouterr()
        assert err == ""
        return [line for line in out.splitlines() if line]

    return ask


def protocol(line: str, shell: str = "bash") -> dict[str, str]:
    """The environment in which the scripts of Typer ask: bash splits the line, zsh and fish leave it whole."""
    words = line.split(" ")
    bash = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    others = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return {"_BILLING_COMPLETE": f"complete_{shell}", **(bash if shell == "bash" else others)}


@pytest.fixture(params=["wire", "rest"])
def env_file(request: pytest.FixtureRequest, tmp_path: Path, db_url: str, rest: PostgrestDouble) -> str:
    """Where the database is, over each transport."""
    wire = f"SUPABASE_DB_URL={db_url}\n"
    over_rest = f"SUPABASE_URL={rest.url}\nSUPABASE_SECRET_KEY={rest.service_key}\n"
    (tmp_path / "it.env").write_text(wire if request.param == "wire" else over_rest)
    return "it.env"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, db_url: str) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", db_url)


def test_companies_are_those_of_the_environment_that_was_chosen(
    env_file: str, complete: Complete, sql: Connection
) -> None:
    sql.cursor().executemany(COMPANIES, [("co_2", "Second"), ("co_1", "First"), ("other", None)])
    line = f"billing --env-file {env_file} timeline"
    assert complete(f"{line} co") == ["co_1", "co_2"]
    assert complete(f"{line} ") == ["co_1", "co_2", "other"]
    assert complete(f"{line} x") == []
    assert complete(f"{line} co", "fish") == ["co_1\tFirst", "co_2\tSecond"]
    assert complete("billing timeline co") == []


def test_the_environment_of_the_process_is_asked_too(environment: None, complete: Complete, sql: Connection) -> None:
    sql.execute(COMPANIES, ("co_1", "First"))
    assert complete("billing --json export --company ") == ["co_1"]


def test_an_env_file_may_be_in_the_home_or_named_by_a_variable(
    env_file: str, complete: Complete, sql: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql.execute(COMPANIES, ("co_1", "First"))
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert complete(f"billing --env-file ~/{env_file} refund c") == ["co_1"]
    assert complete(f"billing --env-file $HOME/{env_file} refund c") == ["co_1"]


def test_a_prefix_is_taken_by_the_letter(environment: None, complete: Complete, sql: Connection) -> None:
    sql.cursor().executemany(COMPANIES, [("a_b", ""), ("axb", ""), ("a%b", ""), ("a\\b", "")])
    assert complete("billing timeline a_") == ["a_b"]
    assert complete("billing timeline a%") == []
    assert complete("billing timeline a\\\\") == []


@pytest.mark.parametrize("noun", ["companies", "batches", "intents", "approvals", "events", "payments", "invoices"])
def test_postgres_takes_a_prefix_by_the_letter(noun: str, sql: Connection, db_url: str) -> None:
    sql.execute(COMPANIES, ("co_1", None))
    sql.execute(BATCHES, ("exp_1", 1))
    sql.execute(INTENTS, ("int_1",))
    sql.execute(EVENTS, ("evt_1", 1))
    sql.execute(APPROVALS, ("apr_1", "d", False))
    sql.execute(PAYMENTS, ("pi_1", "co_1"))
    sql.execute(INVOICES, ("in_1", "co_1"))
    with closing(PostgresDatabase(db_url)) as database:
        [(found, _)] = candidates(database, noun, "", None, 50)
        assert candidates(database, noun, found, None, 50)
        for other in ("%", f"{found[0]}%", "_" * len(found), f"{found}_", found.upper(), found, "\\"):
            assert [name for name, _ in candidates(database, noun, other, None, 50)] == [found] * (other == found)


def test_batches_come_newest_first_with_their_state(env_file: str, complete: Complete, sql: Connection) -> None:
    sql.cursor().executemany(BATCHES, [("exp_old", 9), ("exp_new", 1), ("exp_middle", 5)])
    line = f"billing --env-file {env_file} batches"
    assert complete(f"{line} show exp_") == ["exp_new", "exp_middle", "exp_old"]
    assert complete(f"{line} verify exp_n", "fish") == ["exp_new\tdone, usage from 2026-11-23"]
    assert complete(f"{line} resume exp_n", "zsh") == ['_arguments \'*: :(("exp_new":"done, usage from 2026-11-23"))\'']


def test_other_ids_are_offered_with_what_they_are(env_file: str, complete: Complete, sql: Connection) -> None:
    sql.execute(INTENTS, ("int_1",))
    sql.cursor().executemany(EVENTS, [("evt_old", 2), ("evt_new", 1)])
    sql.cursor().executemany(APPROVALS, [("apr_used", "d1", True), ("apr_usable", "d2", False)])
    line = f"billing --env-file {env_file}"
    assert complete(f"{line} intents show ", "fish") == ["int_1\tdone, refund, co_1"]
    assert complete(f"{line} webhooks show evt", "fish") == [f"evt_{n}\treceived, invoice.paid" for n in ("new", "old")]
    assert complete(f"{line} webhooks replay --event evt_o") == ["evt_old"]
    assert complete(f"{line} approvals revoke apr", "fish") == ["apr_usable\trefund of ana by bob"]


def test_payments_and_invoices_are_those_of_the_company_named_before(
    env_file: str, complete: Complete, sql: Connection
) -> None:
    sql.cursor().executemany(PAYMENTS, [("pi_1", "co_1"), ("pi_2", "co_2")])
    sql.cursor().executemany(INVOICES, [("in_1", "co_1"), ("in_2", "co_2")])
    line = f"billing --env-file {env_file}"
    assert complete(f"{line} refund co_1 pi_", "fish") == ["pi_1\tsucceeded, 2026-11-01"]
    assert complete(f"{line} download-invoice co_2 ", "fish") == ["in_2\topen, A-1"]
    assert complete(f"{line} adjust co_1 credit --invoice in_") == ["in_1"]


@pytest.mark.parametrize("metavar", ["COMPANY", "BATCH", "INTENT", "EVENT"])
def test_wherever_an_id_is_due_it_is_offered(
    metavar: str, environment: None, complete: Complete, sql: Connection
) -> None:
    sql.execute(COMPANIES, ("co_1", None))
    sql.execute(BATCHES, ("exp_1", 1))
    sql.execute(INTENTS, ("int_1",))
    sql.execute(EVENTS, ("evt_1", 1))
    found = {"COMPANY": "co_1", "BATCH": "exp_1", "INTENT": "int_1", "EVENT": "evt_1"}
    asked = 0
    for words, command in leaves().items():
        for param in [param for param in command.params if param.metavar == metavar]:
            option = f"{param.opts[0]} " if param.opts[0].startswith("-") else ""
            assert complete(f"billing {words} {option}") == [found[metavar]], words
            asked += 1
    assert asked >= 1


def test_no_more_than_fifty_are_offered_and_that_there_are_more_is_seen(
    environment: None, complete: Complete, sql: Connection
) -> None:
    sql.cursor().executemany(COMPANIES, [(f"co_{n:03}", None) for n in range(300)])
    assert complete("billing timeline co_") == [*(f"co_{n:03}" for n in range(50)), "co_..."]
    assert complete("billing timeline ", "fish")[-1] == "...\tand more, type on"
    assert len(complete("billing timeline co_0")) == 51
    sql.execute("delete from billing_companies where company_id >= 'co_050'")
    assert complete("billing timeline co_")[-1] == "co_049"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_customer_calls_itself_does_nothing_to_the_shell(
    shell: str, environment: None, complete: Complete, sql: Connection
) -> None:
    hostile = ["\\$(touch it)", "`touch it`", "'; touch it;'", '"; touch it; "', "a\nb", "[/red]", "\x1b[2J", "x" * 500]
    sql.cursor().executemany(COMPANIES, [(f"co_{n}", name) for n, name in enumerate(hostile)])
    sql.cursor().executemany(COMPANIES, [(name, "An id that no shell should see") for name in hostile[:-1]])
    offered = complete("billing timeline ", shell)
    text = "\n".join(offered)
    assert len(offered) == len(hostile)
    assert all(f"co_{n}" in line for n, line in enumerate(offered))
    assert not set(text) & set("$`;\\\x1b[") and "no shell should see" not in text
    assert max(map(len, offered)) < 80


def test_commands_options_and_their_values_need_no_database(complete: Complete) -> None:
    assert complete("billing exp") == ["export"]
    assert complete("billing batches ") == ["list", "show", "resume", "verify", "rollback"]
    assert complete("billing --version batches re") == ["resume"]
    assert complete("billing export --re") == ["--resend-rolled-back"]
    assert complete("billing export --period last") == ["last-hour", "last-month"]
    assert complete("billing export --backend ") == ["events", "stream"]
    assert complete("billing refund co_1 pi_1 --reason d") == ["duplicate"]
    assert complete("billing reconcile pay") == ["payments", "payouts"]
    kinds = ["status", "delay", "lost_reply", "reset", "gateway", "double"]
    assert complete("billing sandbox fault ") == kinds


def test_what_bash_takes_apart_is_put_together(
    environment: None, complete: Complete, sql: Connection, tmp_path: Path
) -> None:
    sql.execute(COMPANIES, ("co_1", None))
    (tmp_path / "it.env").touch()
    assert complete("billing --env-file = it.env batches re") == ["resume"]
    assert complete("billing export --company = co") == ["co_1"]
    assert complete("billing export --company =") == ["co_1"]
    assert complete("billing timeline --since 2026-11-24T09 : 00Z co") == ["co_1"]
    assert complete("billing webhooks replay --to http : //127.0.0.1 : 8080/x --company ") == ["co_1"]


@pytest.mark.parametrize("words", leaves())
def test_fish_is_offered_one_line_for_each_option(words: str, complete: Complete) -> None:
    names = {name for param in leaves()[words].params for name in param.opts if name.startswith("--")}
    offered = complete(f"billing {words} --", "fish")
    assert {line.split("\t")[0] for line in offered} == {*names, "--help"}
    assert len(offered) == len(names) + 1


@pytest.mark.parametrize(
    "file",
    [
        None,
        "SUPABASE_DB_URL=postgresql://postgres@127.0.0.1:1/none\n",
        "SUPABASE_DB_URL=nonsense\n",
        "SUPABASE_URL=http://127.0.0.1:1\nSUPABASE_SECRET_KEY=sb_secret_1234567890\n",
        "SUPABASE_URL=http://127.0.0.1:1\n",
        "\x00\xff",
    ],
)
def test_without_a_database_nothing_is_offered_and_nothing_is_said(
    file: str | None, complete: Complete, tmp_path: Path
) -> None:
    if file is not None:
        (tmp_path / "it.env").write_text(file, encoding="latin-1")
    assert complete("billing --env-file it.env timeline co") == []


def test_a_database_without_the_functions_offers_nothing(plain_db_url: str, complete: Complete, tmp_path: Path) -> None:
    (tmp_path / "it.env").write_text(f"SUPABASE_DB_URL={plain_db_url}\n")
    assert complete("billing --env-file it.env batches show exp") == []


@pytest.mark.parametrize(
    "line", ["billing nonsense ", "billing export --nonsense ", "billing batches list --limit x ", 'billing refund "a ']
)
def test_a_line_that_makes_no_sense_is_no_error(line: str, complete: Complete) -> None:
    complete(line)


@pytest.mark.parametrize("address", ["SUPABASE_DB_URL=postgresql://postgres@{}/x", "SUPABASE_URL=http://{}"])
def test_a_database_that_never_answers_is_given_up(address: str, tmp_path: Path, silence: str) -> None:
    (tmp_path / "it.env").write_text(f"{address.format(silence)}\nSUPABASE_SECRET_KEY=sb_secret_1234567890\n")
    environment = {**os.environ, "BILLING_LOG": "json", **protocol("billing --env-file it.env timeline co")}
    # Over REST an answer is waited for 620 s; the limit here only ends a test that fails.
    done = subprocess.run(
        [sys.executable, "-m", "billing_cli"], env=environment, cwd=tmp_path, capture_output=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def silence() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_completing_can_write_nothing(sql: Connection) -> None:
    functions = "select proname, provolatile from pg_proc where proname like 'billing\\_complete\\_%%'"
    found: dict[str, str] = dict(sql.execute(functions).fetchall())
    assert len(found) == 7
    assert set(found.values()) == {"s"}  # stable: Postgres refuses to write in them


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_after_installing_it(environment: None, sql: Connection, tmp_path: Path) -> None:
    sql.execute(COMPANIES, ("co_1", "First"))
    program = tmp_path / "bin" / "billing"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(PATIENT)} "$@"\n')
    program.chmod(0o755)
    script = """
        billing --install-completion >/dev/null && source ~/.bashrc
        complete -p billing
        COMP_WORDS=(billing refund co) COMP_CWORD=2
        _billing_completion billing && printf '%s\\n' "${COMPREPLY[@]}"
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMP")}
    done = subprocess.run(
        ["bash", "--norc"],
        input=script,
        env={**kept, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout.splitlines(), done.stderr) == (
        ["complete -o default -F _billing_completion billing", "co_1"],
        "",
    )


@pytest.mark.parametrize(
    ("shell", "says"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --command")]
)
def test_each_shell_has_its_script(
    shell: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    with pytest.raises(SystemExit, match="0"):
        run(["--show-completion", shell])
    assert says in capsys.readouterr().out
