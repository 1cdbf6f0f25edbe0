"""The plan of every command that moves money by hand: what to settle first, and what to do anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.intent import Action, Intent, IntentState
from billing_cli.domain.limits import (
    CommandLimits,
    Demands,
    LimitCheck,
    limit_checks,
    limit_refusal,
    needs_second_person,
)
from billing_cli.domain.money import Money, totals
from billing_cli.domain.plan import digest_of


@dataclass(frozen=True)
class Known:
    """What the database has about the subjects of a plan: intents, and the day's totals in minor units."""

    intents: Sequence[Intent]
    today_minor: Mapping[str, int]

    def open_on(self, subject: str) -> Intent | None:
        return next((i for i in self.intents if i.is_open and i.subject == subject), None)

    def done_for_line(self, source_key: str) -> Intent | None:
        return next((i for i in self.intents if i.state is IntentState.DONE and i.source_key == source_key), None)

    def done_lately(self, action: Action) -> Intent | None:
        """The same, done in the last 24 hours; one that failed later only if there is no other."""
        same = [i for i in self.intents if i.state is IntentState.DONE and i.is_for(action)]
        return min(same, key=lambda intent: intent.is_reversed, default=None)


@dataclass(frozen=True)
class Followed:
    """A done intent whose refund has another status at Stripe than is written down; `intent` has the new one.

    `here` is what the deployment's own row should say now.
    """

    intent: Intent
    here: Mapping[str, object]


@dataclass(frozen=True)
class FailedLine:
    """A line that an earlier run carried out, and whose refund failed later or waits for somebody."""

    line_number: int | None
    intent: Intent


@dataclass(frozen=True)
class Wishes:
    """What an operator's words come to: open intents to settle first, and actions to add.

    `done_before` are those of lines of a file that earlier runs carried out. `unserved` names wishes
    that must wait, because something else is open on their subject. `failed` are among `done_before`; `followed` are
    written down. `beside` names money that the customer got for the same before, by another way.
    """

    actions: tuple[Action, ...] = ()
    settles: tuple[Intent, ...] = ()
    done_before: tuple[Intent, ...] = ()
    unserved: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    followed: tuple[Followed, ...] = ()
    failed: tuple[FailedLine, ...] = ()
    beside: str | None = None


@dataclass(frozen=True)
class MoneyPlan:
    """A command's wishes with the account, the limits and the digest.

    `marks` name the intents that there were on each object before its facts were read.
    """

    command: str
    request: Mapping[str, object]
    identity: StripeIdentity
    wishes: Wishes
    checks: tuple[LimitCheck, ...]
    demands: Demands
    digest: str
    changes: Mapping[str, object]
    marks: Mapping[str, str]

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.wishes.actions

    @property
    def settles(self) -> tuple[Intent, ...]:
        return self.wishes.settles

    @property
    def empty(self) -> bool:
        return not self.actions and not self.settles and not self.wishes.followed

    @property
    def totals(self) -> tuple[Money, ...]:
        return totals(action.money for action in self.actions)


def money_plan(
    command: str,
    request: Mapping[str, object],
    identity: StripeIdentity,
    wishes: Wishes,
    known: Known,
    limits: CommandLimits,
    marks: Mapping[str, str],
) -> MoneyPlan:
    """The plan that follows from the wishes, what is known, and the limits."""
    actions = wishes.actions
    checks = limit_checks(limits, totals(a.money for a in actions), known.today_minor)
    changes: dict[str, object] = {
        "settles": sorted(intent.intent_id for intent in wishes.settles),
        "actions": [action.changes() for action in actions],
    }
    if wishes.followed:
        changes["follows"] = {each.intent.intent_id: each.intent.stripe_status for each in wishes.followed}
    return MoneyPlan(
        command=command,
        request=request,
        identity=identity,
        wishes=wishes,
        checks=checks,
        demands=Demands(
            limit_refusal(checks), needs_second_person(checks), _repetition(actions, known) or wishes.beside
        ),
        digest=digest_of(command, identity, changes),
        changes=changes,
        marks=marks,
    )


def _repetition(actions: Sequence[Action], known: Known) -> str | None:
    """A retry looks exactly like a second wish, so the second of two equal ones must name its plan."""
    for action in actions:
        if done := known.done_lately(action):
            return _done_lately(done)
    return None


def _done_lately(done: Intent) -> str:
    who = f"by {done.actor} ({done.intent_id})"
    if not done.is_reversed:
        named = "A second one is carried out only when this plan is named by its digest."
        return f"The same was done in the last 24 hours, {who}. {named}"
    reason = f": {done.error}" if done.error else ""
    named = "Another try is carried out only when this plan is named by its digest."
    return f"The same was tried in the last 24 hours, {who}, but is {done.stripe_status} at Stripe{reason}. {named}"
