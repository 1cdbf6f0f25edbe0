"""GET requests to Stripe, repeated when they fail in passing."""

from collections.abc import Callable
from typing import TypeVar

import stripe
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from billing_cli.adapters.stripe.errors import answer_of, billing_error
from billing_cli.domain.errors import Unavailable

T = TypeVar("T")
PAGE = 100
_TRIES = 4


def read(request: Callable[[], T]) -> T:
    """The answer. Raises our own errors; nothing but reading may be repeated so."""

    def attempt() -> T:
        try:
            return request()
        except stripe.StripeError as error:
            raise billing_error(answer_of(error)) from error

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable)),
        wait=wait_random_exponential(multiplier=0.3, max=5),
        stop=stop_after_attempt(_TRIES),
        reraise=True,
    )(attempt)
