"""Database calls that are repeated while the database is away."""

import time
from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from billing_cli.domain.errors import Unavailable
from billing_cli.domain.ports import Database

_PATIENCE_S = 30
AWAY = retry_if_exception(lambda error: type(error) is Unavailable)
PAUSES = wait_random_exponential(multiplier=0.2, max=5)


class Patience:
    """How long a run bears with a database that is away: one span for all its calls, so that they do not add up.

    `told` hears of it when the first call fails, with the seconds that it will last.
    """

    def __init__(self, told: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._told = told
        self._clock = clock
        self._away_since: float | None = None

    def answered(self) -> None:
        """It is there: the next outage has a span of its own."""
        self._away_since = None

    def is_over(self, _: RetryCallState) -> bool:
        """After a call that failed, of whichever kind."""
        if self._away_since is None:
            self._away_since = self._clock()
            self._told(_PATIENCE_S)
        return self._clock() - self._away_since >= _PATIENCE_S


def database_call(database: Database, function: str, **args: object) -> dict[str, Any]:
    """For functions that may be called twice with the same arguments. Raises Unavailable after 30 s."""
    answer: dict[str, Any] = Retrying(
        retry=AWAY,
        wait=PAUSES,
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )(database.call, function, **args)
    return answer
