"""Processes of `billing export`, and their answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from support.crash import Step, start_billing

from campaign.processes import end
from campaign.usage import DAY, Scene

_DAY = f"{DAY:%Y-%m-%d}"
_PLAIN = ["--quiet", "--json", "export", "--start", _DAY, "--end", _DAY, "--confirm"]
_WITH_CORRECTIONS = [*_PLAIN, "--allow-corrections"]
# How a run may end when nothing more goes wrong: all done, or done but for what a person has to look at.
SETTLED = (0, 3)
_CALM_ATTEMPTS = 8
_LEFT_TO_A_PERSON = ("rejected", "ambiguous", "missing")


@dataclass(frozen=True)
class Answer:
    """`named` has what it leaves to a person: the plan's reasons for skipping, and the states of items of its batches.

    Only a settled process gives more than its code.
    """

    code: int | None
    named: frozenset[str] = frozenset()
    sent_nothing: bool = False


@dataclass(frozen=True)
class _Begun:
    process: BaseProcess
    stdout: Path


class Exports:
    """The exports of a scene; it keeps those that were begun, until their answers are taken."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._begun: list[_Begun] = []
        self._count = 0

    def start(
        self, plain: bool, more_words: Sequence[str] = (), clock_offset_s: int = 0, step: Step | None = None
    ) -> BaseProcess:
        """`plain` is without --allow-corrections."""
        self._count += 1
        stdout = self._scene.directory / f"export_{self._count}.json"
        words = [*(_PLAIN if plain else _WITH_CORRECTIONS), *more_words]
        scene = self._scene
        process = start_billing(scene.environment, words, step, clock_offset_s, scene.slept, str(stdout))
        self._begun.append(_Begun(process, stdout))
        return process

    def take_answers(self) -> list[Answer]:
        """Of the processes begun since the last call; all of them have ended."""
        begun, self._begun = self._begun, []
        return [_answer(each) for each in begun]


def export_until_settled(scene: Scene, plain: bool = False) -> list[Answer]:
    """Cron would do no more: the same command again, until it answers that it is done and that it sent nothing."""
    exports = Exports(scene)
    answers: list[Answer] = []
    while len(answers) < _CALM_ATTEMPTS and not (answers and answers[-1].code in SETTLED and answers[-1].sent_nothing):
        end(exports.start(plain))
        answers += exports.take_answers()
    return answers


def _answer(begun: _Begun) -> Answer:
    code = begun.process.exitcode
    if code not in SETTLED:
        return Answer(code)
    result = json.loads(begun.stdout.read_text())
    left = {state for batch in result["batches"] for state in _LEFT_TO_A_PERSON if batch[state]}
    return Answer(code, frozenset(result["to_mend"]) | left, not result["batches"])
