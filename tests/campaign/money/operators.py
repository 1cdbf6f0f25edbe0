"""An operator's next step about an order: repeat it, resume it, or leave it."""

from dataclasses import dataclass

from campaign.money.scene import MoneyScene
from campaign.money.wishes import Order

DONE, REFUSED, LAPSED = "done", "refused", "lapsed"
BEGUN = ("open", "sending")
NOTHING_TO_DO, FOUND_WRONG, GATE = 2, 3, 4


@dataclass(frozen=True)
class Command:
    """`is_order`: it is the order itself, not the end of what it began. An answer counts only for that."""

    words: list[str]
    order: Order
    is_order: bool = True

    def answered(self, code: int | None) -> None:
        if self.is_order:
            self.order.answers.append(code)


def next_command(order: Order, scene: MoneyScene) -> Command | None:
    """What to run now, None if nothing is left to do.

    A day later the same command may be a second wish, so an operator without an answer looks at the program's list.
    """
    latest = [states[-1] if (states := scene.states(wish)) else None for wish in order.wishes]
    begun = [found[0] for found in latest if found and found[1] in BEGUN]
    if begun and scene.days > order.day:
        return Command(["--quiet", "intents", "resume", begun[0], "--confirm"], order, is_order=False)
    if all(found and found[1] == DONE for found in latest) or (order.answers and order.answers[-1] == 0):
        return None
    if begun or not order.answers or _goes_on(order, latest):
        order.day = scene.days
        return Command(order.words_now(scene.directory), order)
    return None


def _goes_on(order: Order, latest: list[tuple[str, str] | None]) -> bool:
    """Whether to ask once more: the plan may have changed (4), a killed run have left nothing, or its intent lapsed."""
    if order.answers[-1] == NOTHING_TO_DO:
        return False
    if order.answers[-1] == FOUND_WRONG:
        return not any(found and found[1] == REFUSED for found in latest)
    return True
