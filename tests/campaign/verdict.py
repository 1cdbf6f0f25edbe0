"""What one run of a campaign came to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`wrong` has every law that the run is judged by, and what broke it; nothing if it was kept.

    `codes` are the exit codes in order, None for a process that had to be given up; `met` is what went wrong on the
    way; `unsettled` counts what a person has to look at, and `size` what the run had to do. `story` has
    what happened between the attempts, in order.
    """

    seed: int
    met: frozenset[str]
    codes: tuple[int | None, ...]
    wrong: Mapping[str, object]
    unsettled: int
    size: int
    story: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not any(self.wrong.values())
