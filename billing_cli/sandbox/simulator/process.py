"""Starting and stopping a simulator from another program."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from billing_cli.domain.errors import Fault, Misconfigured

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
CANNOT_SERVE = 78


@dataclass
class SimulatorProcess:
    url: str
    pid: int
    _process: "subprocess.Popen[bytes]"

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """What a crash looks like; its journal stays."""
        self._process.kill()
        self._process.wait()


def start_simulator(
    directory: Path, port: int = 0, rate: float = 0, lag_s: float = 0, serial: bool = True
) -> SimulatorProcess:
    """Start one over `directory` (its state is kept there) and wait until it answers.

    `port` 0 takes a free one. Raises Misconfigured where the port is taken.
    """
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "billing_cli.sandbox.simulator", "--port", str(port)]
    command += ["--directory", str(directory.resolve()), "--rate", str(rate), "--lag", str(lag_s)]
    command += [] if serial else ["--no-serial"]
    log_path = directory / "simulator.log"
    with log_path.open("ab") as log:
        # It outlives this command by days, and needs no secret of its environment.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "SUPABASE_"))}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kept, start_new_session=True
        )
    try:
        return SimulatorProcess(_await_address(process, directory, port), process.pid, process)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _await_address(process: "subprocess.Popen[bytes]", directory: Path, port: int) -> str:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise _not_started(process.returncode, directory, port)
        url = announced_url(directory, process.pid)
        if url and answers(url):
            return url
        time.sleep(0.02)
    raise Fault(
        f"The Stripe simulator did not answer within {START_TIMEOUT_S:.0f} s.",
        f"Read {directory / 'simulator.log'}.",
    )


def announced_url(directory: Path, pid: int) -> str | None:
    try:
        found = json.loads((directory / "simulator.json").read_text())
    except (OSError, ValueError):
        return None
    return f"http://127.0.0.1:{found['port']}" if found["pid"] == pid else None


def answers(url: str) -> bool:
    """Whether a simulator, and not another program, answers there."""
    try:
        with urllib.request.urlopen(f"{url}/_sandbox/status", timeout=2) as reply:
            return bool(json.load(reply).get("simulator") == "billing-sandbox")
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _not_started(code: int, directory: Path, port: int) -> Misconfigured | Fault:
    if code == CANNOT_SERVE:
        return Misconfigured(
            f"Port {port} is taken by another program, so the Stripe simulator cannot listen there.",
            "Choose another port with --stripe-port, or leave it out to take a free one.",
        )
    return Fault(f"The Stripe simulator ended at once with code {code}.", f"Read {directory / 'simulator.log'}.")
