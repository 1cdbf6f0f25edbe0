"""Processes of this machine: whether they live, and those that help."""

from typing import Protocol


class Workers(Protocol):
    """Processes of this machine that send the same batch as this one."""

    def start(self, batch_id: str) -> None: ...

    def interrupt(self) -> None:
        """Lets them end in order; a second call does nothing."""
        ...

    def wait(self) -> list[str]:
        """Until all have ended: a sentence for each that failed."""
        ...

    def kill(self) -> None:
        """Ends what is left of them at once. What they had claimed stays claimed, by processes that are gone."""
        ...


class Processes(Protocol):
    """Tells one run from another, and whether its process still lives."""

    def current(self) -> str:
        """A name for this process, unique over machines and over time."""
        ...

    def is_alive(self, runner: str) -> bool | None:
        """Whether that run lives; None where it cannot be told from here (another machine)."""
        ...
