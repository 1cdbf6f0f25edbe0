"""A place full of known secrets, where every command can be run and everything that was written can be searched."""

import json
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import psycopg
import pytest
from support import postgrest
from support.endpoint import Endpoint, endpoint
from support.everything import everything
from support.known_secrets import (
    BODIES,
    OLD_SIGNING,
    PASSWORD,
    SERVICE_ROLE_KEY,
    SIGNING,
    STRIPE_KEY,
    SUPABASE_KEY,
    Search,
)
from support.postgrest import PostgrestDouble
from support.recorder import Recorder, Request, recorder
from support.stripe_control import StripeDouble
from support.usage import Connection

from billing_cli.cli.app import run

USER = "billing_secret_keeper"
# Every worker's tests make it, and it stays: roles belong to the whole server.
_ROLE = """
do $$ begin create role {user} login superuser password '{password}';
exception when duplicate_object or unique_violation then null; end $$
"""
# Where the key belongs, and nowhere else.
_KEY_HEADERS = {"authorization", "apikey"}


@dataclass
class Written:
    """What one command wrote to its streams, and to the log at its most talkative."""

    code: int
    out: str
    err: str
    log: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@dataclass
class World:
    """Its working directory is `place`/work; `by_design` are the files that hold secrets on purpose."""

    place: Path
    stripe: Recorder
    rest: Recorder
    hooks: Endpoint
    sql: Connection
    environment: pytest.MonkeyPatch
    streams: pytest.CaptureFixture[str]
    by_design: set[Path] = field(default_factory=set)
    children: list[list[str]] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=lambda: dict(BODIES))

    def run(self, *words: str) -> Written:
        """Asserts that no secret is in what it wrote to the streams and to the log."""
        self.streams.readouterr()
        with _talkative_log() as log:
            code = run(list(words))
        out, err = self.streams.readouterr()
        written = Written(code, out, err, log.getvalue())
        search = self.search
        for stream, text in (("stdout", out), ("stderr", err), ("the log", written.log)):
            assert not search.found_in(text), f"billing {' '.join(words)} wrote a secret to {stream}:\n{text}"
        return written

    @property
    def search(self) -> Search:
        return Search(self.bodies)

    def assert_no_secret_was_kept(self) -> None:
        """In no file, row, request or command line."""
        # What Stripe gave in the meantime is secret too.
        for answer in self.stripe.answers:
            for number, token in enumerate(re.findall(rb'"authentication_token": ?"([^"]+)"', answer)):
                self.bodies[f"session token {number}"] = token.decode().removeprefix("token_")
        search = self.search
        files = search.found_in_files(self.place, self.by_design)
        assert not files, files
        for table, row in self._rows():
            found = search.found_in_bytes(json.dumps(row, default=str).encode())
            assert not found, f"{table}: {found}"
        for request in [*self.stripe.requests, *self.rest.requests]:
            _assert_clean(search, request)
        for headers, body in self.hooks.requests:
            _assert_clean(search, Request("", list(headers.items()), body), but=set())
        for line in self.children:
            assert not search.found_in("\n".join(line)), line[:3]

    def _rows(self) -> list[tuple[str, Any]]:
        activity = self.sql.execute(
            "select coalesce(jsonb_agg(to_jsonb(a)), '[]') from pg_stat_activity a where query not like '%create role%'"
        ).fetchone()
        return [*everything(self.sql).items(), ("pg_stat_activity", activity)]


@contextmanager
def world(
    transport: str,
    place: Path,
    db_url: str,
    rest: PostgrestDouble,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    streams: pytest.CaptureFixture[str],
) -> Iterator[World]:
    with ExitStack() as stack:
        sql = stack.enter_context(psycopg.connect(db_url, autocommit=True))
        sql.execute(_ROLE.format(user=USER, password=PASSWORD).encode())
        made = World(
            place,
            stack.enter_context(recorder(stripe.url)),
            stack.enter_context(recorder(rest.url)),
            stack.enter_context(endpoint()),
            sql,
            monkeypatch,
            streams,
        )
        _move_in(made)
        _set_secrets(made, transport, db_url)
        _watch_children(made)
        yield made


def wire_url(db_url: str) -> str:
    """The test's database, for the user whose password has to be percent-encoded."""
    parts = urlsplit(db_url)
    return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{parts.hostname}:{parts.port}{parts.path}"


def _move_in(world: World) -> None:
    for name, variable in (("work", "PWD"), ("home", "HOME"), ("tmp", "TMPDIR")):
        (world.place / name).mkdir()
        world.environment.setenv(variable, str(world.place / name))
    world.environment.chdir(world.place / "work")
    world.environment.setattr(tempfile, "tempdir", str(world.place / "tmp"))


def _set_secrets(world: World, transport: str, db_url: str) -> None:
    """Two stand in the environment and the others in .env."""
    for name in [name for name in os.environ if name.startswith(("STRIPE_", "SUPABASE_", "BILLING_"))]:
        world.environment.delenv(name)
    file = {"STRIPE_WEBHOOK_SECRET": f"{SIGNING},{OLD_SIGNING}", "SUPABASE_DB_URL": f"'{wire_url(db_url)}'"}
    if transport != "wire":
        key = SUPABASE_KEY if transport == "rest" else SERVICE_ROLE_KEY
        world.environment.setitem(postgrest.ROLES, key, "service_role")
        world.environment.setenv("SUPABASE_URL", world.rest.url)
        file["SUPABASE_SECRET_KEY" if transport == "rest" else "SUPABASE_SERVICE_ROLE_KEY"] = key
    world.environment.setenv("STRIPE_SECRET_KEY", STRIPE_KEY)
    world.environment.setenv("STRIPE_API_BASE", world.stripe.url)
    world.environment.setenv("BILLING_ACTOR", "tester")
    world.environment.setenv("BILLING_AUDIT_FILE", str(world.place / "audit.jsonl"))
    world.environment.setenv("LIVE", "true")
    dotenv = world.place / "work" / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in file.items()))
    dotenv.chmod(0o600)
    world.by_design.add(dotenv)


def _watch_children(world: World) -> None:
    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
            super().__init__(args, *rest, **options)
            world.children.append([str(args)] if isinstance(args, str | bytes) else [str(word) for word in args])
            try:
                world.children.append(psutil.Process(self.pid).cmdline())
            except psutil.Error:
                return  # it has ended; its arguments were those above

    world.environment.setattr(subprocess, "Popen", Watched)


@contextmanager
def _talkative_log() -> Iterator[StringIO]:
    """Everything that any library says to the log, whoever asks for it."""
    text = StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def _assert_clean(search: Search, request: Request, but: set[str] = _KEY_HEADERS) -> None:
    shown = "\n".join(f"{name}: {value}" for name, value in request.headers if name.lower() not in but)
    found = search.found_in(request.line) | search.found_in(shown) | search.found_in_bytes(request.body)
    assert not found, f"{found} in {request.line}"
