"""Bringing a sandbox up, taking it down, and saying what runs of it."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billing_cli.domain.errors import LockHeld, Misconfigured
from billing_cli.sandbox import postgres
from billing_cli.sandbox.place import made, typed, unusable
from billing_cli.sandbox.processes import end, exists, free_port, is_ours, write_private
from billing_cli.sandbox.simulator.process import answers, start_simulator
from billing_cli.sandbox.stripe_control import ask

DEFAULT_RATE = 1000.0
ENV_FILE = "sandbox.env"
# Of no real endpoint.
SIGNING_KEY = "whsec_sandbox"
STRIPE_KEY = "sk_test_sandbox0000000000000000"
PUBLISHABLE_KEY = "pk_test_sandbox0000000000000000"
# What each plan costs a month, in US cents.
PLANS = {"starter": 2900, "business": 9900, "enterprise": 49900}
SIMULATOR = "billing_cli.sandbox.simulator"


@dataclass(frozen=True)
class Sandbox:
    directory: Path
    env_file: Path
    stripe_url: str
    database_url: str


@dataclass(frozen=True)
class Server:
    """`state`: running, stopped, or dead (it was started, and is gone without `down`)."""

    name: str
    address: str
    pid: int | None
    state: str


def up(
    directory: Path,
    migrate: Callable[[str], None],
    *,
    rate: float = DEFAULT_RATE,
    stripe_port: int | None = None,
    postgres_port: int | None = None,
) -> Sandbox:
    """Start what is not running, apply the migrations, and write the env file; harmless twice."""
    directory = made(directory)
    with _alone(directory), _both_or_none(directory):
        database_url = postgres.start(directory, postgres_port)
        stripe_url = _start_stripe(directory, rate, stripe_port)
        ask(stripe_url, "POST", "prices", {"prices": [_price(plan, amount) for plan, amount in PLANS.items()]})
        migrate(database_url)
        env_file = directory / ENV_FILE
        write_private(env_file, _environment(stripe_url, database_url))
        return Sandbox(directory, env_file, stripe_url, database_url)


def down(directory: Path) -> list[Server]:
    """Stop both servers, data kept; returns those that were running. Harmless where nothing runs."""
    directory = directory.resolve()
    if not directory.is_dir():
        return []
    with _alone(directory):
        running = [server for server in status(directory) if server.state == "running"]
        _stop_stripe(directory)
        postgres.stop(directory)
        return running


def remove(directory: Path) -> None:
    """Stop both servers and delete the sandbox with all it has."""
    down(directory)
    postgres.remove(directory)
    shutil.rmtree(directory, ignore_errors=True)


def status(directory: Path) -> list[Server]:
    directory = directory.resolve()
    return [_postgres_status(directory), _stripe_status(directory)]


def opened(directory: Path) -> Sandbox:
    """The sandbox that runs in `directory`. Raises Misconfigured where it does not."""
    directory = directory.resolve()
    stopped = [server.name for server in status(directory) if server.state != "running"]
    if stopped:
        raise Misconfigured(
            f"The sandbox in {directory} is not running ({' and '.join(stopped)}).",
            f"Start it: {typed('up', directory)}",
        )
    return Sandbox(
        directory,
        directory / ENV_FILE,
        f"http://{_stripe_status(directory).address}",
        postgres.start(directory),
    )


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two `up` or `down` at once would start or stop things under each other's feet."""
    try:
        opened_lock = (directory / ".lock").open("a")
    except OSError as error:
        raise unusable(directory, error) from None
    with opened_lock as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockHeld(
                f"Another billing sandbox command is at work in {directory}.", "Wait for it to end."
            ) from None
        yield


@contextmanager
def _both_or_none(directory: Path) -> Iterator[None]:
    """What was started for an `up` that fails is stopped again; what ran before goes on."""
    before = {server.name for server in status(directory) if server.state == "running"}
    try:
        yield
    except BaseException:
        if "stripe" not in before:
            _stop_stripe(directory)
        if "postgres" not in before:
            postgres.stop(directory)
        raise


def _start_stripe(directory: Path, rate: float, port: int | None) -> str:
    server = _stripe_status(directory)
    url = f"http://{server.address}"
    if server.state == "running" and answers(url):
        if port and not server.address.endswith(f":{port}"):
            raise Misconfigured(
                f"The Stripe simulator already runs at {server.address}.",
                f"Take the sandbox down first: {typed('down', directory)}",
            )
        ask(url, "POST", "settings", {"rate": rate})
        return url
    _stop_stripe(directory)
    former = _noted(directory)
    chosen = port or free_port(former[1] if former else None)
    return start_simulator(directory / "stripe", chosen, rate).url


def _stop_stripe(directory: Path) -> None:
    if noted := _noted(directory):
        end(noted[0], SIMULATOR, str(directory / "stripe"))
        (directory / "stripe" / "simulator.json").unlink(missing_ok=True)


def _environment(stripe_url: str, database_url: str) -> str:
    prices = "".join(f"STRIPE_PRICE_{plan.upper()}={_price_id(plan)}\n" for plan in PLANS)
    return (
        "# Written by billing sandbox up; good only while that sandbox runs.\n"
        f"STRIPE_SECRET_KEY={STRIPE_KEY}\n"
        f"STRIPE_PUBLISHABLE_KEY={PUBLISHABLE_KEY}\n"
        f"STRIPE_WEBHOOK_SECRET={SIGNING_KEY}\n"
        f"{prices}"
        f"STRIPE_API_BASE={stripe_url}\n"
        f"SUPABASE_DB_URL={database_url}\n"
    )


def _price(plan: str, unit_amount: int) -> dict[str, object]:
    return {"id": _price_id(plan), "unit_amount": unit_amount}


def _price_id(plan: str) -> str:
    return f"price_sandbox_{plan}"


def _postgres_status(directory: Path) -> Server:
    pid = postgres.server_pid(directory)
    state = "running" if pid else "dead" if postgres.was_left(directory) else "stopped"
    return Server("postgres", postgres.address(directory) or "-", pid, state)


def _stripe_status(directory: Path) -> Server:
    noted = _noted(directory)
    if noted is None:
        return Server("stripe", "-", None, "stopped")
    pid, port = noted
    alive = exists(pid) and is_ours(pid, SIMULATOR, str(directory / "stripe"))
    return Server("stripe", f"127.0.0.1:{port}", pid if alive else None, "running" if alive else "dead")


def _noted(directory: Path) -> tuple[int, int] | None:
    try:
        found = json.loads((directory / "stripe" / "simulator.json").read_text())
        return int(found["pid"]), int(found["port"])
    except (OSError, ValueError, KeyError):
        return None
