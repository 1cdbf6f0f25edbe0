"""Real Postgres for every test: one server a session, one template, a fresh copy each; and the simulator."""

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from support import schemas
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.supabase import ROLES, SUPABASE_DEFAULTS
from support.usage import Connection

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.adapters.database.supabase import SupabaseDatabase
from billing_cli.domain.ports import Database
from billing_cli.render import documents
from billing_cli.sandbox import postgres
from billing_cli.sandbox.simulator.process import start_simulator
from billing_cli.usecases.migrations import apply_pending

# Names where the session's server lives. Not pytest's own directory: a session that has ended may find it cleared
# away by another, and the note of what to stop with it.
PLACE = "TESTS_SHARED_PLACE"
_ENOUGH_MEMORY_BYTES = 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Makes the place, once for all workers, which inherit its name."""
    if hasattr(config, "workerinput"):
        return
    _prefer_memory()
    place = Path(tempfile.mkdtemp(prefix="billing-tests-"))
    # Run as root, the server has another account, which must get in.
    place.chmod(0o711)
    os.environ[PLACE] = str(place)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Not a worker's business: one of them may have crashed. All have ended by now."""
    if not hasattr(config, "workerinput"):
        place = Path(os.environ[PLACE])
        # Before rmtree: the server's data may lie elsewhere.
        postgres.remove(place / "postgres")
        shutil.rmtree(place)


def _prefer_memory() -> None:
    """Temporary files go to memory where there is enough of it, and programs may run from there.

    A database is some four hundred files: on a disk, making one can take thirty times as long.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return
    if shutil.disk_usage(memory).free > _ENOUGH_MEMORY_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


@pytest.fixture(scope="session", autouse=True)
def documents_are_what_their_schemas_say() -> Iterator[None]:
    """Whatever is printed as JSON, or written by --out, in this process."""
    written = documents.json_text

    def checked(noun: str, fields: Mapping[str, object], indent: int | None = None) -> str:
        text = written(noun, fields, indent)
        try:
            schemas.check(json.loads(text))
            json.dumps(fields)  # nothing is left to be turned into text in the last moment
        except (AssertionError, TypeError) as error:
            pytest.fail(str(error))  # which the command line does not catch
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "json_text", checked)
        yield


@pytest.fixture(scope="session")
def server_url() -> str:
    """The session's Postgres, started by whichever worker comes first."""
    shared = Path(os.environ[PLACE])
    with _locked(shared):
        url = postgres.start(shared / "postgres")
        if not (shared / "template").exists():
            _make_template(url)
            (shared / "template").touch()
    return url


# A disposable Supabase project to run the `database` tests against as well; its usage is emptied.
STACK = {name: os.environ.get(f"SUPABASE_TEST_{name}", "") for name in ("URL", "KEY", "DB_URL")}


@pytest.fixture
def db_url(server_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, migrated database with Supabase's roles; the real one for tests of the real stack."""
    if request.node.get_closest_marker("supabase"):
        apply_pending(PostgresMigrator(STACK["DB_URL"]), "tests")
        with psycopg.connect(STACK["DB_URL"], autocommit=True) as connection:
            connection.execute("truncate billing_usage_events, billing_companies")
        yield STACK["DB_URL"]
    else:
        yield from _database(server_url, "template billing_template")


@pytest.fixture
def plain_db_url(server_url: str) -> Iterator[str]:
    """An empty database, not migrated."""
    yield from _database(server_url, "template template0")


@pytest.fixture
def sql(db_url: str) -> Iterator[Connection]:
    """The owner's connection, for arranging and for assertions."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rest(db_url: str) -> Iterator[PostgrestDouble]:
    """A PostgREST over the test's database."""
    double = PostgrestDouble(db_url)
    yield double
    double.stop()


TRANSPORTS = ["wire", "rest"]
if all(STACK.values()):
    TRANSPORTS.append(pytest.param("stack", marks=pytest.mark.supabase))  # type: ignore[arg-type]


@pytest.fixture(params=TRANSPORTS)
def database(request: pytest.FixtureRequest, db_url: str, rest: PostgrestDouble) -> Iterator[Database]:
    """The same database over each transport."""
    opened = _open(request.param, db_url, rest)
    yield opened
    opened.close()


@pytest.fixture(params=["wire", "rest"])
def local(request: pytest.FixtureRequest, db_url: str, rest: PostgrestDouble) -> Iterator[Database]:
    """Like `database`, but never the real stack: for tests that add functions or change settings."""
    opened = _open(request.param, db_url, rest)
    yield opened
    opened.close()


def _open(transport: str, db_url: str, rest: PostgrestDouble) -> Database:
    if transport == "wire":
        return PostgresDatabase(db_url)
    if transport == "rest":
        return SupabaseDatabase(rest.url, rest.service_key)
    return SupabaseDatabase(STACK["URL"], STACK["KEY"])


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeDouble]:
    process = start_simulator(tmp_path_factory.mktemp("stripe"))
    yield StripeDouble(process.url)
    process.stop()


@pytest.fixture
def stripe(simulator: StripeDouble) -> StripeDouble:
    """The Stripe simulator, empty."""
    simulator.reset()
    return simulator


class _locked:
    """One worker at a time."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / "lock").open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _make_template(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # Again from the start, should another worker have failed halfway.
        connection.execute("drop database if exists billing_template")
        connection.execute("drop role if exists anon, authenticated, service_role, authenticator")
        connection.execute(ROLES)
        connection.execute("create database billing_template")
    template_url = _named(url, "billing_template")
    with psycopg.connect(template_url, autocommit=True) as connection:
        connection.execute(SUPABASE_DEFAULTS)
    apply_pending(PostgresMigrator(template_url), "tests")


def _database(server_url: str, origin: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        # Copied as files: by way of the log, which is the default, takes twice as long.
        connection.execute(f"create database {name} {origin} strategy file_copy")
        yield _named(server_url, name)
        connection.execute(f"drop database {name} with (force)")


def _named(url: str, database: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{database}"
