"""Whatever goes wrong, and wherever a secret was pasted by mistake: none is written, sent, kept or shown."""

import base64
import copy
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from support.everything import everything
from support.known_secrets import (
    BODIES,
    LIVE_KEY,
    PASSWORD,
    REFUSED_KEY,
    RESTRICTED_KEY,
    SERVICE_ROLE_KEY,
    SIGNING,
    STRIPE_KEY,
    SUPABASE_KEY,
    USERINFO,
    Search,
)
from support.postgrest import PostgrestDouble
from support.secret_stories import DAYS, LEAVES, STORIES, fill, filled
from support.secret_world import World, Written, wire_url, world
from support.stripe_control import StripeDouble

from billing_cli import wiring
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.cli.app import run
from billing_cli.domain.errors import BillingError, Misconfigured
from billing_cli.sandbox import lifecycle
from billing_cli.settings import Settings
from billing_cli.usecases.export import ExportPlanner

CODES = {0, 1, 2, 3, 4, 5, 75, 78}
EXPORT = ["export", *DAYS.split()]
NOWHERE = "127.0.0.1:9"
# One step of each command that could run without what others left; read-only ones and dry runs for the most part.
ONE_OF_EACH = {step.leaf: step.words for steps in STORIES.values() for step in reversed(steps)}
DSN = f"postgresql://u:{quote(PASSWORD, safe='')}@"
DATABASE_SAYS = '{"code":"P0001","message":"no claim in {key}","details":"{key}","hint":"{key}"}'


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0.01)
    monkeypatch.setattr("billing_cli.adapters.stripe.money_mover._FIRST_WAIT_S", 0.01)


def _world(transport: str, is_filled: bool = True) -> Callable[..., Iterator[World]]:
    def make(
        tmp_path: Path,
        db_url: str,
        rest: PostgrestDouble,
        stripe: StripeDouble,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
        quick: None,
    ) -> Iterator[World]:
        with world(transport, tmp_path, db_url, rest, stripe, monkeypatch, capfd) as made:
            if is_filled:
                fill(made, stripe)
            yield made

    return make


wired = pytest.fixture(name="wired")(_world("wire"))
bare = pytest.fixture(name="bare")(_world("wire", is_filled=False))
rested = pytest.fixture(name="rested")(_world("service_role"))


@pytest.mark.parametrize("body", [BODIES["Stripe key"], PASSWORD])
@pytest.mark.parametrize(
    "guise",
    [
        lambda body: body,
        lambda body: f"…{body[3:9]}…",
        lambda body: body[-6:],
        lambda body: quote(body, safe=""),
        lambda body: base64.b64encode(f"user:{body}".encode()).decode(),
        lambda body: body[::-1],
    ],
)
def test_the_search_itself_finds_a_secret_in_any_guise(body: str, guise: Callable[[str], str]) -> None:
    assert Search(BODIES).found_in(f"a line with {guise(body)} in it")
    assert not Search(BODIES).found_in(f"a line with …{body[-4:]} in it")


SETTINGS = {
    "a key that Stripe refuses": ({"STRIPE_SECRET_KEY": REFUSED_KEY}, 78),
    "a live key and another address": ({"STRIPE_SECRET_KEY": LIVE_KEY}, 78),
    "a key with a blank in it": ({"STRIPE_SECRET_KEY": f"{STRIPE_KEY} "}, 78),
    "another secret for the key": ({"STRIPE_SECRET_KEY": SIGNING}, 78),
    "a placeholder behind the key": ({"STRIPE_SECRET_KEY": f"{STRIPE_KEY}..."}, 78),
    "a secret key as a price": ({"STRIPE_PRICE_STARTER": STRIPE_KEY}, 78),
    "a secret key as the version": ({"STRIPE_API_VERSION": RESTRICTED_KEY}, 78),
    "a signing secret as the actor": ({"BILLING_ACTOR": SIGNING}, 78),
    "a password in Stripe's address": ({"STRIPE_API_BASE": f"http://me:{USERINFO}@{NOWHERE}"}, 78),
    "a key for Stripe's address": ({"STRIPE_API_BASE": STRIPE_KEY}, 78),
    "a password in the stream's address": ({"STRIPE_METER_EVENTS_BASE": f"https://me:{USERINFO}@h.invalid"}, 78),
    "a password in Supabase's address": ({"SUPABASE_URL": f"https://me:{USERINFO}@h.invalid"}, 78),
    "no connection to Stripe": ({"STRIPE_API_BASE": f"http://{NOWHERE}"}, 75),
    "no name for Stripe": ({"STRIPE_API_BASE": "https://stripe.invalid"}, 75),
    "no connection to the database": ({"SUPABASE_DB_URL": f"{DSN}{NOWHERE}/x"}, 75),
    "no name for the database": ({"SUPABASE_DB_URL": f"{DSN}db.invalid/x"}, 75),
    "an @ in the password": ({"SUPABASE_DB_URL": f"postgresql://u:{PASSWORD.replace('/', '')}@{NOWHERE}/x"}, 78),
    "a / in the password": ({"SUPABASE_DB_URL": f"postgresql://u:{PASSWORD.replace('@', '')}@{NOWHERE}/x"}, 78),
    "a % in the password": ({"SUPABASE_DB_URL": f"postgresql://u:{USERINFO}%zz@{NOWHERE}/x"}, 78),
    "words in place of an address": ({"SUPABASE_DB_URL": f"host=127.0.0.1 password={PASSWORD} user=u"}, 78),
    "a port that is none": ({"SUPABASE_DB_URL": f"{DSN}127.0.0.1:{USERINFO}/x"}, 78),
}


@pytest.mark.parametrize("trouble", SETTINGS)
def test_wrong_settings_are_told_without_them(trouble: str, bare: World) -> None:
    settings, code = SETTINGS[trouble]
    for name, value in settings.items():
        bare.environment.setenv(name, value)
    for form in ([], ["--json"]):
        assert bare.run(*form, *EXPORT, "--confirm").code == code
    for words in ("doctor", "db status"):
        assert bare.run(*words.split()).code in CODES - {1}
    bare.environment.setenv("STRIPE_PUBLISHABLE_KEY", LIVE_KEY)
    assert bare.run("doctor", "--offline").code in (3, 78)
    bare.assert_no_secret_was_kept()


def test_the_database_refuses_the_password(bare: World, db_url: str) -> None:
    wrong = wire_url(db_url).replace(quote(PASSWORD, safe=""), USERINFO)
    bare.environment.setenv("SUPABASE_DB_URL", wrong)
    refused = bare.run(*EXPORT)
    assert (refused.code, "does not accept this user's password" in refused.err) == (78, True)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", f"STRIPE_SECRET_KEY={STRIPE_KEY}\n'broken {SIGNING}\n=SUPABASE_SECRET_KEY {SUPABASE_KEY} \"\n"),
        (".env", f"STRIPE_SECRET_KEY='{STRIPE_KEY}\nSUPABASE_DB_URL={DSN}{NOWHERE}/x\n"),
        ("billing.toml", f"{STRIPE_KEY} = 1\n"),
        ("billing.toml", f"[export]\n{SIGNING} = '{SUPABASE_KEY}'\n"),
        ("billing.toml", f"not toml {SERVICE_ROLE_KEY}\n"),
        ("billing.toml", f"[webhooks]\nreplay_to = ['https://me:{USERINFO}@h.invalid/hooks']\n"),
        ("billing.toml", f"[plans]\npro = '{RESTRICTED_KEY}'\n"),
    ],
)
def test_a_wrong_file_is_told_without_what_is_in_it(file: str, text: str, bare: World) -> None:
    bare.environment.delenv("STRIPE_SECRET_KEY")
    path = Path(file).absolute()
    path.write_text(text)
    bare.by_design.add(path)
    for words in (EXPORT, ["plans", "list"], ["doctor", "--offline"]):
        assert bare.run(*words).code in (0, 3, 78)
    path.write_bytes(b"\xff\xfe" + text.encode())
    assert bare.run(*EXPORT).code == 78
    bare.assert_no_secret_was_kept()


PASTED = {
    "a key": STRIPE_KEY,
    "a live key": f"x={LIVE_KEY}",
    "a signing secret": SIGNING,
    "a Supabase key": SUPABASE_KEY,
    "a token": SERVICE_ROLE_KEY,
    "an address": f"{DSN}db.invalid/x",
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----\nUc8YgPw5NzVt2RkX\n-----END OPENSSH PRIVATE KEY-----",
    "a password that .env has": PASSWORD,
    "a part of another word": f"because-{PASSWORD}-is-old",
}


@pytest.mark.parametrize("pasted", PASTED)
def test_a_secret_among_the_words_is_refused_before_anything_is_done(pasted: str, wired: World) -> None:
    secret, before = PASTED[pasted], everything(wired.sql)
    for words in (
        ["refund", "co_1", "pi_1", "--reason", "duplicate", "--confirm", "--note", secret],
        ["refund", secret, "pi_1", "--reason", "duplicate", "--confirm"],
        ["adjust", "co_1", "credit", "--amount", "1", "--currency", "usd", f"--reason={secret}", "--confirm"],
        ["webhooks", "replay", "--event", "evt_0001", "--to", secret, "--confirm"],
        ["timeline", secret],
        ["export", "--period", "yesterday", "--company", secret, "--plan-out", "plan.json"],
    ):
        refused = wired.run(*words)
        assert (refused.code, "holds what looks like a secret; nothing was done" in refused.err) == (2, True), words
    assert everything(wired.sql) == before
    assert wired.stripe.requests == []
    wired.assert_no_secret_was_kept()


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_no_command_takes_a_secret(leaf: str, capfd: pytest.CaptureFixture[str]) -> None:
    for words in ([*leaf.split(), STRIPE_KEY], [*leaf.split(), f"--{SIGNING}"], [SUPABASE_KEY, *leaf.split()]):
        assert run(words) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("holds what looks like a secret")) == ("", 3)
    assert not Search(BODIES).found_in(err)


def test_a_secret_in_a_file_of_refunds_is_refused(wired: World) -> None:
    path = Path("notes.csv").absolute()
    path.write_text(f"payment,reason,note\npi_3,duplicate,{STRIPE_KEY}\n{LIVE_KEY},duplicate,x\n")
    wired.by_design.add(path)
    before = everything(wired.sql)
    refused = wired.run("refund", "--from-csv", "notes.csv", "--confirm")
    assert (refused.code, refused.err.count("looks like a secret")) == (2, 2)
    assert everything(wired.sql) == before
    wired.assert_no_secret_was_kept()


STRIPE_ECHOES = {
    "another key": (401, '{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: {key}"}}'),
    "no right": (403, '{"error":{"type":"invalid_request_error","message":"The key \'{key}\' has no access"}}'),
    "a refusal": (
        400,
        '{"error":{"type":"invalid_request_error","message":"No such thing: \'{key}\'","code":"{key}"}}',
    ),
    "a fault of Stripe's": (500, '{"error":{"type":"api_error","message":"{key}"}}'),
    "no JSON": (200, "<html>{key}</html>"),
}


@pytest.mark.parametrize("what", STRIPE_ECHOES)
def test_stripe_says_the_key_again(what: str, wired: World) -> None:
    """To every command, right away; then only where something is sent, so that its words are kept in the database."""
    wired.stripe.echo = {"/v1/": STRIPE_ECHOES[what], "/v2/": STRIPE_ECHOES[what]}
    for words in ONE_OF_EACH.values():
        assert wired.run(*filled(words, wired)).code in CODES - {1} | ({1} if what == "no JSON" else set()), words
    sending = ("/v1/billing/meter_events", "/v1/refunds", "/v1/customers/cus_1/balance_transactions", "/v2/billing")
    wired.stripe.echo = dict.fromkeys(sending, STRIPE_ECHOES[what])
    wired.run(*EXPORT, "--company", "co_1", "--confirm")
    wired.run(*EXPORT, "--company", "co_2", "--backend", "stream", "--confirm")
    wired.run(*["refund", "co_1", "pi_1", "--amount", "1", "--reason", "duplicate", "--confirm"])
    wired.run(*["adjust", "co_1", "credit", "--amount", "1", "--currency", "usd", "--reason", "Outage", "--confirm"])
    for words in ("batches list", "batches show {batch}", "intents list", "timeline co_1", "audit list"):
        wired.run(*filled(words, wired))
    wired.assert_no_secret_was_kept()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_the_database_says_its_key_again(status: int, rested: World) -> None:
    rested.rest.echo = {"/rest/": (status, DATABASE_SAYS)}
    for words in ("export --period yesterday --confirm", "batches list", "doctor", "webhooks list", "timeline co_1"):
        assert rested.run(*words.split()).code in CODES - {0}
    rested.assert_no_secret_was_kept()


ALL = " ".join([STRIPE_KEY, SIGNING, SUPABASE_KEY, SERVICE_ROLE_KEY, PASSWORD, f"{DSN}h/x"])


def _bug(*_: object, **__: object) -> Any:
    """With secrets in variables, in its words, and in those of what it came from."""
    held = {"everything": ALL}
    try:
        raise ValueError(held["everything"])
    except ValueError as cause:
        raise RuntimeError(f"cannot work with {ALL}") from cause


@pytest.mark.parametrize("debug", ["true", ""])
@pytest.mark.parametrize(
    "where",
    [(PostgresDatabase, "call"), (ExportPlanner, "plan"), (wiring, "export_planner"), (Settings, "with_config")],
)
def test_a_bug_is_told_without_secrets(where: tuple[object, str], debug: str, bare: World) -> None:
    bare.environment.setenv("BILLING_DEBUG", debug)
    bare.environment.setattr(*where, _bug)
    ended = bare.run(*EXPORT)
    assert (ended.code, ended.out) == (1, "")
    assert ("Traceback" in ended.err, "in _bug" in ended.err) == (bool(debug), bool(debug))
    assert "A fault in billing itself: RuntimeError." in ended.err


def test_json_lines_on_stderr_have_none(bare: World) -> None:
    bare.environment.setenv("BILLING_LOG", "json")
    bare.environment.setenv("BILLING_DEBUG", "true")
    bare.environment.setattr(PostgresDatabase, "call", _bug)
    ended = bare.run(*EXPORT)
    assert (ended.code, '"exit_code": 1' in ended.err, "[secret]" in ended.err) == (1, True, True)


def test_an_interruption_is_told_without_secrets(bare: World) -> None:
    def interrupt(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt(ALL)

    bare.environment.setattr(ExportPlanner, "plan", interrupt)
    assert bare.run(*EXPORT).code == 5


def test_whoever_writes_is_heard_through_the_same_filter(bare: World) -> None:
    """Other threads, and libraries, write to stderr past us."""

    def say(*_: object, **__: object) -> Any:
        thread = threading.Thread(target=sys.stderr.writelines, args=([ALL, "\n"],))
        thread.start()
        thread.join()
        print(ALL)
        raise Misconfigured(ALL, ALL)

    bare.environment.setattr(ExportPlanner, "plan", say)
    ended = bare.run(*EXPORT)
    assert (ended.code, ended.out.count("[secret]"), ended.err.count("[secret]")) == (78, 6, 18)


def test_settings_show_no_secret_however_they_are_looked_at(bare: World, db_url: str) -> None:
    bare.environment.setenv("STRIPE_PUBLISHABLE_KEY", LIVE_KEY)
    bare.environment.setenv("SUPABASE_URL", f"https://me:{USERINFO}@h.invalid")
    settings, search = Settings.load(), Search(BODIES)
    shown = [repr(settings), str(settings), str(vars(settings)), settings.model_dump_json(), f"{settings.model_dump()}"]
    assert not search.found_in("".join(shown))
    assert set(settings.secrets()) >= {STRIPE_KEY, SIGNING, PASSWORD, wire_url(db_url)}
    with pytest.raises(TypeError, match="settings hold secrets"):
        pickle.dumps(settings)
    assert copy.copy(settings) == settings
    with pytest.raises(BillingError) as raised:
        settings.database_address()
    error = raised.value
    kept = pickle.dumps(error.args) + "".join(traceback.format_exception(error)).encode()
    assert not search.found_in_bytes(kept + str(vars(error)).encode())


def test_a_process_of_its_own_with_all_logs_turned_on(wired: World) -> None:
    """stripe-python would print the session token of the stream; the interpreter has no say in it either."""
    environment = {**os.environ, "STRIPE_LOG": "debug", "PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1"}
    command = [sys.executable, "-m", "billing_cli", *EXPORT, "--backend", "stream", "--workers", "2", "--confirm"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert any(b"authentication_token" in answer for answer in wired.stripe.answers)
    wired.assert_no_secret_was_kept()
    assert not wired.search.found_in(done.stdout + done.stderr)


def test_a_sandbox_keeps_its_own_and_learns_none(bare: World) -> None:
    place = bare.place / "sandbox"
    directory = ["--directory", str(place)]
    try:
        assert bare.run("sandbox", "up", *directory).code == 0
        text = (place / "sandbox.env").read_text()
        bare.bodies["the sandbox's password"] = text.partition("postgres:")[2].partition("@")[0]
        notes = {path for path in place.rglob("*") if path.name in ("sandbox.env", "postgres.json")}
        assert {path.stat().st_mode & 0o777 for path in notes} == {0o600}
        assert len(notes) == 2
        bare.by_design |= notes
        for words in ("seed --rows 1000 --companies 10", "status", "fault status --count 1", "fault --clear"):
            for form in ([], ["--json"]):
                assert bare.run(*form, "sandbox", *words.split(), *directory).code == 0
        assert bare.run("--env-file", str(place / "sandbox.env"), "doctor").code in (0, 3)
        _assert_servers_know_nothing(bare, [server.pid for server in lifecycle.status(place) if server.pid])
        assert bare.run("sandbox", "down", *directory).code == 0
        bare.assert_no_secret_was_kept()
    finally:
        lifecycle.remove(place)


def _assert_servers_know_nothing(bare: World, pids: list[int]) -> None:
    assert len(pids) == 2
    for pid in pids:
        process = psutil.Process(pid)
        assert not bare.search.found_in(f"{process.cmdline()} {process.environ()}")


def test_the_demo_shows_none(bare: World) -> None:
    shown: Written = bare.run("sandbox", "demo", "--rows", "1000", "--companies", "10")
    assert shown.code == 0, shown.err
    bare.assert_no_secret_was_kept()
