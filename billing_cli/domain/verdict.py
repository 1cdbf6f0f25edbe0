"""What a check found: that all is well, or what is not and the next step."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """From good to bad, but for `skip`: what could not be looked at."""

    PASS = "pass"  # noqa: S105 - no password
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Verdict:
    """`says` is a sentence; `next_step` what to do about it, empty where nothing is to be done.

    A command in it has a line of its own, where it can be copied.
    """

    level: Level
    says: str
    next_step: str = ""


def passed(says: str) -> Verdict:
    return Verdict(Level.PASS, says)


def warned(says: str, next_step: str) -> Verdict:
    return Verdict(Level.WARN, says, next_step)


def failed(says: str, next_step: str) -> Verdict:
    return Verdict(Level.FAIL, says, next_step)


def skipped(says: str, next_step: str = "") -> Verdict:
    return Verdict(Level.SKIP, says, next_step)
