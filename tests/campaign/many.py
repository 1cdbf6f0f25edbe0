"""Runs side by side, each worker with servers of its own."""

import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from campaign.run import Verdict, run
from campaign.world import World

_LONGEST_RUN_S = 600


def many_verdicts(seed: int, runs: int, workers: int) -> Iterator[Verdict]:
    """Verdicts as they come. Raises queue.Empty where none comes for ten minutes."""
    context = multiprocessing.get_context("spawn")
    seeds: multiprocessing.Queue[int | None] = context.Queue()
    found: multiprocessing.Queue[Verdict] = context.Queue()
    for number in range(seed, seed + runs):
        seeds.put(number)
    processes = [context.Process(target=_work, args=(seeds, found)) for _ in range(workers)]
    for process in processes:
        seeds.put(None)
        process.start()
    for done in range(1, runs + 1):
        verdict = found.get(timeout=_LONGEST_RUN_S)
        if not verdict.good or done % 20 == 0:
            print(f"{done} of {runs}; {'' if verdict.good else f'WRONG: {verdict}'}", file=sys.stderr, flush=True)
        yield verdict
    for process in processes:
        process.join()


def _work(seeds: "multiprocessing.Queue[int | None]", found: "multiprocessing.Queue[Verdict]") -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        world = World(Path(name))
        try:
            while (seed := seeds.get()) is not None:
                found.put(run(seed, world))
        finally:
            world.close()
