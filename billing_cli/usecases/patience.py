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
    """How long a run repeats calls that the database does not carry out: one span for all of them.

    The span begins with the first call that fails and ends when each function that failed has answered again; the
    success of another function does not extend it. `told` gets the error and the seconds left at its beginning.
    """

    def __init__(self, told: Callable[[Unavailable, int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._told = told
        self._clock = clock
        self._since: float | None = None
        self._failing: set[str] = set()

    def answered(self, function: str) -> None:
        self._failing.discard(function)
        if not self._failing:
            self._since = None

    def is_over_for(self, function: str) -> Callable[[RetryCallState], bool]:
        """For tenacity, after a call of this function that failed."""

        def is_over(attempt: RetryCallState) -> bool:
            self._failing.add(function)
            if self._since is None:
                self._since = self._clock()
                self._told(_failure(attempt), _PATIENCE_S)
            return self._clock() - self._since >= _PATIENCE_S

        return is_over


def _failure(attempt: RetryCallState) -> Unavailable:
    error = attempt.outcome.exception() if attempt.outcome else None
    return error if isinstance(error, Unavailable) else Unavailable("The database does not answer.")


DatabaseCall = Callable[..., dict[str, Any]]


def one_call(database: Database, function: str, **args: object) -> dict[str, Any]:
    """Calls once, for a run that has already waited."""
    answer: dict[str, Any] = database.call(function, **args)
    return answer


def database_call(database: Database, function: str, **args: object) -> dict[str, Any]:
    """For functions that may be called twice with the same arguments. Raises Unavailable after 30 s."""
    answer: dict[str, Any] = Retrying(
        retry=AWAY,
        wait=PAUSES,
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )(database.call, function, **args)
    return answer
