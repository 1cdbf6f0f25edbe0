"""The permit to write: one object that every request needs, and that ends before its claim can be another run's."""

from collections.abc import Callable, Sequence

from billing_cli.domain.errors import LeaseLost

# Readings in seconds of every clock that counts. One of them may stand still, or be set; a permit ends by the first.
Clocks = Callable[[], Sequence[float]]


class PermitExpired(LeaseLost):
    """The permit ran out before the request was sent: at most its headers left this process, and not its body."""


class Permit:
    """Allows requests until a deadline, which is counted from before the database was asked for the claim.

    Once found expired it stays so: a run that slept through its claim sends nothing any more.
    """

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._deadlines: tuple[float, ...] | None = None
        self._expired = False

    def now(self) -> Sequence[float]:
        """Read this before the database is asked, and give it to `renew` with the answer."""
        return self._clocks()

    def renew(self, asked_at: Sequence[float], lasts_s: float) -> None:
        """Moves the deadline to `lasts_s` after `asked_at`. An expired permit is not renewed."""
        self._deadlines = tuple(reading + lasts_s for reading in asked_at)

    def check(self) -> None:
        """Raises PermitExpired unless a request may be sent at this moment."""
        if not self.is_valid():
            raise PermitExpired(
                "This run stopped sending: it has not reached the database in time to keep its claim.",
                "Run the same command again; it goes on from what is recorded.",
            )

    def is_valid(self) -> bool:
        if self._deadlines is None or self._expired:
            return False
        for reading, deadline in zip(self._clocks(), self._deadlines, strict=True):
            if reading >= deadline:
                self._expired = True
        return not self._expired
