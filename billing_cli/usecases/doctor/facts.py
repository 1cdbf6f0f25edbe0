"""Facts that checks share: loaded when first asked for, and not again, not even where that failed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from billing_cli.domain.errors import BillingError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Fact(Generic[T_co]):
    """An error is kept like a value: nobody waits for the same silence twice."""

    def __init__(self, load: Callable[[], T_co]) -> None:
        self._load = load
        self._known: Callable[[], T_co] | None = None

    def __call__(self) -> T_co:
        if self._known is None:
            self._known = self._outcome()
        return self._known()

    def _outcome(self) -> Callable[[], T_co]:
        try:
            value = self._load()
        except BillingError as error:
            kept = error

            def fail() -> T_co:
                raise kept

            return fail
        return lambda: value


def after(first: Fact[object], load: Callable[[], T]) -> Fact[T]:
    """A fact that is not asked for where `first` failed."""

    def both() -> T:
        first()
        return load()

    return Fact(both)


@dataclass(frozen=True)
class Timed(Generic[T]):
    """A value that holds another clock's time, and when it came by the clock here: the middle of asking for it."""

    value: T
    here: datetime


def timed(clock: Callable[[], datetime], load: Callable[[], T]) -> Timed[T]:
    asked = clock()
    value = load()
    return Timed(value, asked + (clock() - asked) / 2)
