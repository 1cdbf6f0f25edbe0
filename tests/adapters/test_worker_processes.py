"""Processes that help with a batch: what is said of those that fail, and how they end."""

import pytest

from billing_cli.adapters.worker_processes import WorkerProcesses


def test_one_that_fails_is_told_of_with_its_code_and_what_it_said() -> None:
    workers = WorkerProcesses(2, ["batches", "resume", "{batch}", "--no-such-option"])
    workers.start("exp_1")
    failures = workers.wait()
    assert len(failures) == 2
    assert failures[0].startswith("Worker 1 ended with exit code 2: billing: No such option")
    assert "is sent by those that are left" in failures[1]


def test_one_that_does_its_work_is_not_told_of() -> None:
    workers = WorkerProcesses(1, ["--version"])
    workers.start("exp_1")
    assert workers.wait() == []


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_one_that_was_told_to_end_is_not_told_of(end: str) -> None:
    workers = WorkerProcesses(1, ["--version"])
    workers.start("exp_1")
    getattr(workers, end)()
    workers.interrupt()
    assert workers.wait() == []


def test_the_same_workers_send_one_batch_after_the_other() -> None:
    workers = WorkerProcesses(1, ["--env-file", "{odd} place", "batches", "resume", "{batch}", "--no-such-option"])
    for batch_id in ("exp_1", "exp_2"):
        workers.start(batch_id)
        (failure,) = workers.wait()
        assert failure.startswith("Worker 1 ended with exit code 2: ")
