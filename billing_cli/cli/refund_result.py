"""The file that says what became of every line of `refund --from-csv`: whole, or not there."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_cli.cli.outcome import EXIT_PARTLY_DONE
from billing_cli.cli.state import State, complain
from billing_cli.domain.errors import Misconfigured
from billing_cli.domain.intent import Intent
from billing_cli.domain.money_plan import MoneyPlan
from billing_cli.domain.refund import RefundLine
from billing_cli.domain.refund_file import result_csv

if TYPE_CHECKING:
    from billing_cli.usecases.moving import Moved

# What the outcome adds to a line at most, identifiers and an error.
_OUTCOME_BYTES = 1024


class ResultFile:
    """`words`: the command that writes it again."""

    def __init__(self, state: State, lines: Sequence[RefundLine], path: Path, words: Sequence[str]) -> None:
        from billing_cli import wiring

        wiring.check_place(path)
        self._state, self._lines, self._path, self._words = state, lines, path, words

    def check(self) -> None:
        """Before money moves: raises Misconfigured where the file cannot be written, or has no room."""
        from billing_cli import wiring

        wiring.check_room(self._path, len(self._text({})) + _OUTCOME_BYTES * len(self._lines))

    def write(self, plan: MoneyPlan, moved: Sequence["Moved"]) -> int:
        """Those of earlier runs included. The exit code: 0, or 5, for the same command again only writes the file."""
        from billing_cli import wiring

        by_payment = {intent.subject: intent for intent in plan.wishes.done_before}
        by_payment |= {each.intent.subject: each.intent for each in moved}
        intents = {number: by_payment[name] for number, name in _payments(plan).items() if name in by_payment}
        try:
            wiring.write_file(self._path, self._text(intents))
        except Misconfigured as error:
            again = shlex.join(["billing", *self._state.global_words, *self._words, "--confirm"])
            complain(
                f"What became of the refunds is in the database, but the result file was not written: {error.message}",
                f"Make room for it; the same command again writes it, and refunds nothing twice: LIVE=true {again}",
            )
            return EXIT_PARTLY_DONE
        self._state.err.print(f"Result written to {self._path}.", soft_wrap=True)
        return 0

    def _text(self, intents: Mapping[int | None, Intent]) -> bytes:
        return result_csv(self._lines, intents).encode()


def _payments(plan: MoneyPlan) -> dict[int | None, str]:
    """The payment of each line, by its number: the file may name it by a charge."""
    lines: Any = plan.request["lines"]
    return {line["line_number"]: line["payment_intent_id"] for line in lines}
