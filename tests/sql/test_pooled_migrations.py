"""Migrations through PgBouncer in transaction mode, where Debian's package is installed."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from support.ports import free_port

from billing_cli.adapters.database.migrator import PostgresMigrator
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.errors import LockHeld, Misconfigured, Unavailable
from billing_cli.usecases.migrations import apply_pending, schema_status

pytestmark = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed")
Pooled = Callable[..., str]


@pytest.fixture
def pooled(plain_db_url: str, tmp_path: Path) -> Iterator[Pooled]:
    """Starts a pooler before the database; its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(pool_size: int = 3, max_clients: int = 50) -> str:
        server, port = conninfo_to_dict(plain_db_url), free_port()
        place = tmp_path / str(port)
        place.mkdir()
        (place / "users").write_text(f'"pooled" "{server["password"]}"\n')
        (place / "ini").write_text(
            "[databases]\n"
            f"db = host=127.0.0.1 port={server['port']} dbname={server['dbname']} user={server['user']} "
            f"password={server['password']}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\n"
            f"auth_file = {place}/users\npool_mode = transaction\ndefault_pool_size = {pool_size}\n"
            f"max_client_conn = {max_clients}\nlogfile = {place}/log\n"
        )
        for each in (tmp_path, place, place / "users", place / "ini"):
            each.chmod(0o777)
        subprocess.run(["chmod", "o+x", *map(str, tmp_path.parents[:3])], check=False)
        command = ["pgbouncer", "-u", "nobody", str(place / "ini")]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        url = f"postgresql://pooled:{server['password']}@127.0.0.1:{port}/db"
        _until_it_answers(url, place / "log")
        return url

    yield start
    for process in started:
        process.terminate()
        process.wait()


def _until_it_answers(url: str, log: Path) -> None:
    for _ in range(200):
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail(log.read_text() if log.exists() else "PgBouncer does not start")


def session_locks(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("select pid from pg_locks where locktype = 'advisory'").fetchall()


def test_everything_is_applied_in_transaction_mode_and_leaves_no_lock(pooled: Pooled, plain_db_url: str) -> None:
    url = pooled()
    apply_pending(PostgresMigrator(url), "tests")
    assert {status.state for status in schema_status(PostgresMigrator(url))} == {"applied"}
    assert session_locks(plain_db_url) == []
    with psycopg.connect(url) as connection:
        assert connection.execute("show lock_timeout").fetchone() == ("0",)
    assert apply_pending(PostgresMigrator(url), "tests") == []


def test_two_migrations_through_a_pooler_exclude_each_other(pooled: Pooled) -> None:
    url = pooled(pool_size=8)

    def migrate(_: int) -> str:
        try:
            apply_pending(PostgresMigrator(url), "tests")
        except LockHeld:
            return "held"
        return "done"

    with ThreadPoolExecutor(4) as threads:
        ended = list(threads.map(migrate, range(4)))
    assert set(ended) <= {"done", "held"}
    apply_pending(PostgresMigrator(url), "tests")
    assert {status.state for status in schema_status(PostgresMigrator(url))} == {"applied"}


def test_a_full_pooler_is_try_later(pooled: Pooled) -> None:
    url = pooled(max_clients=1)
    with psycopg.connect(url), pytest.raises(Unavailable, match="no more connections allowed"):
        PostgresDatabase(url).call("billing_batches_list_v1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.removesuffix("/db") + "/nope", "does not exist"),
        (lambda url: url.replace("pooled:", "nobody:"), "password"),
        (lambda url: url + "?options=-c%20search_path%3Dx", "The pooler refuses a parameter of the connection"),
        (lambda url: url + "?sslmode=require", "The server offers no TLS"),
    ],
)
def test_what_the_pooler_refuses_is_a_setting_to_correct(
    change: Callable[[str], str], said: str, pooled: Pooled
) -> None:
    with pytest.raises(Misconfigured, match=said):
        PostgresDatabase(change(pooled())).call("billing_batches_list_v1")
