"""`python -m billing_cli.sandbox.simulator`: serve on loopback until told to stop."""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from billing_cli.sandbox.processes import write_private
from billing_cli.sandbox.simulator.delivery import deliver_forever
from billing_cli.sandbox.simulator.server import Simulator
from billing_cli.sandbox.simulator.state import Settings, State

HOST = "127.0.0.1"
CANNOT_SERVE = 78
# State only grows, so Python's default would go through millions of events again and again and find no garbage.
GC_THRESHOLDS = (50_000, 20, 100)


def main() -> int:
    gc.set_threshold(*GC_THRESHOLDS)
    options = _options()
    options.directory.mkdir(parents=True, exist_ok=True)
    state = State(options.directory, Settings(options.rate, options.lag, not options.no_serial))
    try:
        asyncio.run(_serve(state, options.port, options.directory))
    except OSError as error:
        print(f"Cannot listen on {HOST}:{options.port}: {error.strerror}", file=sys.stderr)
        return CANNOT_SERVE
    finally:
        state.journal.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="billing_cli.sandbox.simulator")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="meter events a second; 0 is no limit")
    parser.add_argument("--lag", type=float, default=0.0, help="seconds until summaries show an event")
    parser.add_argument("--no-serial", action="store_true", help="allow parallel calls for a customer")
    return parser.parse_args()


async def _serve(state: State, port: int, directory: Path) -> None:
    simulator = Simulator(state)
    runner = web.ServerRunner(web.Server(simulator.handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, HOST, port, backlog=1024)
    await site.start()
    deliveries = asyncio.create_task(deliver_forever(state))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    _announce(directory, runner.addresses[0][1])
    await stopped.wait()
    deliveries.cancel()
    await asyncio.wait([deliveries])
    await runner.cleanup()


def _announce(directory: Path, port: int) -> None:
    """Say where we listen, in one step, so that a reader never sees half of it."""
    write_private(directory / "simulator.json", json.dumps({"pid": os.getpid(), "port": port}))


if __name__ == "__main__":
    sys.exit(main())
