"""What the runners of one batch know of each other: who joins, who died, and who goes last."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.ports import Database, Processes
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.stopping import stopping

MEET = "billing_batch_others_v1"
_POLL_S = 0.25


@dataclass(frozen=True)
class Others:
    """The other runners of a batch, for one that has joined it. `interrupted` is called at the first Ctrl-C."""

    database: Database
    processes: Processes
    batch_id: str
    runner: str
    actor: str
    interrupted: Callable[[], None]

    def hear_of_this_one(self) -> bool:
        """Waits until every other runner has called since this one joined, and so keeps to the new shares.

        False if it was interrupted; so below.
        """
        joined_at = self._meet()["at"]
        return self._until(lambda: all(other["heard"] for other in self._meet(p_since=joined_at)["others"]))

    def leave(self) -> bool:
        """Waits until the runners that joined later are gone, or have left something to send.

        Each waits for later ones only, so that no two wait for each other.
        """

        def gone() -> bool:
            answer = self._meet(p_count=True)
            return answer["claimable"] or not any(other["later"] for other in answer["others"])

        return self._until(gone)

    def left_something(self) -> bool:
        return bool(self._meet(p_count=True)["claimable"])

    def _until(self, happened: Callable[[], bool]) -> bool:
        stop = threading.Event()

        def interrupt() -> None:
            stop.set()
            self.interrupted()

        with stopping(interrupt):
            while not stop.is_set():
                if happened():
                    return True
                stop.wait(_POLL_S)
        return False

    def _meet(self, **args: object) -> dict[str, Any]:
        args |= {"p_batch_id": self.batch_id, "p_runner": self.runner, "p_actor": self.actor}
        answer = database_call(self.database, MEET, **args)
        dead = known_dead(answer, self.processes)
        return database_call(self.database, MEET, **args, p_dead=dead) if dead else answer


def known_dead(answer: dict[str, Any], processes: Processes) -> list[str]:
    """Of those that the database names, the runners of this machine whose processes are gone."""
    return [other["runner"] for other in answer["others"] if processes.is_alive(other["runner"]) is False]
