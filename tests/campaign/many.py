"""Runs side by side, each worker with servers of its own."""

import multiprocessing
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.verdict import Verdict
from campaign.world import World

_LONGEST_RUN_S = 600
Run = Callable[[int, World], Verdict]


def many_verdicts(run: Run, transport: str, seed: int, runs: int, workers: int) -> Iterator[Verdict]:
    """Verdicts as they come. Raises queue.Empty if none comes for ten minutes."""
    context = multiprocessing.get_context("spawn")
    seeds: multiprocessing.Queue[int | None] = context.Queue()
    found: multiprocessing.Queue[Verdict] = context.Queue()
    for number in range(seed, seed + runs):
        seeds.put(number)
    processes = [
        context.Process(
            target=_work,
            args=(run, transport, seeds, found),
        )
        for _ in range(workers)
    ]
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


def _work(
    run: Run, transport: str, seeds: "multiprocessing.Queue[int | None]", found: "multiprocessing.Queue[Verdict]"
) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        world = World(Path(name), transport)
        try:
            while (seed := seeds.get()) is not None:
                found.put(_verdict(run, seed, world))
        finally:
            world.close()


def _verdict(run: Run, seed: int, world: World) -> Verdict:
    try:
        return run(seed, world)
    except Exception:
        return Verdict(seed, frozenset(), (), {"could not be made": traceback.format_exc()}, 0, 0)
