"""Database calls that are repeated while the database is away."""

from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from billing_cli.domain.errors import Unavailable
from billing_cli.domain.ports import Database

_PATIENCE_S = 30


def database_call(database: Database, function: str, **args: object) -> dict[str, Any]:
    """For functions that may be called twice with the same arguments. Raises Unavailable after 30 s."""
    answer: dict[str, Any] = Retrying(
        retry=retry_if_exception(lambda error: type(error) is Unavailable),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )(database.call, function, **args)
    return answer
