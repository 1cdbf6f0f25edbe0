"""How much one command, or one day, may move; and from where a second person is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_cli.domain.errors import FoundWrong
from billing_cli.domain.money import Money

WITHIN_LIMITS = (
    "Use a smaller amount, or raise the ceiling under [limits] in billing.toml; that of a day begins anew at 00:00 UTC."
)


@dataclass(frozen=True)
class CommandLimits:
    """Amounts in minor units by currency; None where no such limit is set.

    A currency that a limit does not name has a limit of 0: what nobody thought of is not let through.
    """

    approve_above: Mapping[str, int] | None = None
    per_command: Mapping[str, int] | None = None
    per_day: Mapping[str, int] | None = None


@dataclass(frozen=True)
class LimitCheck:
    """The limits that hold for one currency of a plan, beside what it would move."""

    total: Money
    today_minor: int
    approve_above_minor: int | None
    per_command_minor: int | None
    per_day_minor: int | None

    def document(self) -> dict[str, object]:
        """As the database takes it, to check again under its lock."""
        return {
            "currency": self.total.currency,
            "approve_above_minor": self.approve_above_minor,
            "per_command_minor": self.per_command_minor,
            "per_day_minor": self.per_day_minor,
        }


@dataclass(frozen=True)
class Demands:
    """What a plan asks for besides the two gates.

    `refusal`: why it may not be carried out at all. `second_person`: why another one must approve.
    `seen`: why this plan must be named by its digest, so that a blind repetition does nothing.
    `found_wrong`: the error in place of a plan that is shown, and cannot be carried out or saved.
    """

    refusal: str | None = None
    second_person: str | None = None
    seen: str | None = None
    found_wrong: FoundWrong | None = None

    @property
    def next_step(self) -> str:
        """What to do about the refusal."""
        return self.found_wrong.next_step if self.found_wrong else WITHIN_LIMITS


NO_DEMANDS = Demands()


def limit_checks(
    limits: CommandLimits, totals: Sequence[Money], today_minor: Mapping[str, int]
) -> tuple[LimitCheck, ...]:
    return tuple(
        LimitCheck(
            total,
            today_minor.get(total.currency, 0),
            _limit(limits.approve_above, total.currency),
            _limit(limits.per_command, total.currency),
            _limit(limits.per_day, total.currency),
        )
        for total in totals
    )


def _limit(limits: Mapping[str, int] | None, currency: str) -> int | None:
    return None if limits is None else limits.get(currency, 0)


def limit_refusal(checks: Sequence[LimitCheck]) -> str | None:
    """Why a hard ceiling stops this, or None."""
    for check in checks:
        total, currency = check.total, check.total.currency
        if check.per_command_minor is not None and total.amount_minor > check.per_command_minor:
            ceiling = Money(check.per_command_minor, currency)
            return f"{total.text} is above the ceiling of {ceiling.text} for one command."
        if check.per_day_minor is not None and total.amount_minor + check.today_minor > check.per_day_minor:
            today, ceiling = Money(check.today_minor, currency), Money(check.per_day_minor, currency)
            return f"{total.text} after {today.text} today is above the ceiling of {ceiling.text} for one UTC day."
    return None


def needs_second_person(checks: Sequence[LimitCheck]) -> str | None:
    """Why somebody else must approve this, or None."""
    for check in checks:
        limit = check.approve_above_minor
        if limit is not None and check.total.amount_minor > limit:
            return f"{check.total.text} is above {Money(limit, check.total.currency).text}."
    return None
