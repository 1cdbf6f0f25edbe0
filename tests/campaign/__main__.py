"""Many runs side by side, part by part; prints Markdown for docs/reliability.md, and exits 1 if any run went wrong."""

import argparse
import platform
import sys
import time

from campaign import money
from campaign import run as exports
from campaign.many import Run, many_verdicts
from campaign.report import report
from campaign.world import TRANSPORTS

PARTS: dict[str, tuple[Run, str]] = {"exports": (exports.run, "usage rows"), "money": (money.run, "wishes")}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m campaign")
    parser.add_argument("--runs", type=int, default=500, help="of each part over each transport")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others count up from it")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--part", choices=PARTS, help="all if left out")
    parser.add_argument("--transport", choices=TRANSPORTS, help="both if left out")
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}\n", flush=True)
    good = True
    for part in [options.part] if options.part else PARTS:
        for transport in [options.transport] if options.transport else TRANSPORTS:
            good &= _campaign(part, transport, options.seed, options.runs, options.workers)
    return 0 if good else 1


def _campaign(part: str, transport: str, seed: int, runs: int, workers: int) -> bool:
    run, size = PARTS[part]
    started_at = time.monotonic()
    verdicts = sorted(many_verdicts(run, transport, seed, runs, workers), key=lambda verdict: verdict.seed)
    title = f"{part.capitalize()} over {'the wire' if transport == 'wire' else 'REST'}"
    print(report(title, verdicts, size, time.monotonic() - started_at), flush=True)
    return len(verdicts) == runs and all(verdict.good for verdict in verdicts)


if __name__ == "__main__":
    sys.exit(main())
