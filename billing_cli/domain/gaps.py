"""Stripe's events beside those that are kept here: what is missing, failed, stuck or unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing_cli.domain.kept_event import KeptEvent, KeptState
from billing_cli.domain.webhook_event import WebhookEvent


@dataclass(frozen=True)
class Gaps:
    """`missing`: Stripe has them, we do not. `unknown`: we have them, Stripe does not. Nothing else is wrong.

    `connected` is how many are of connected accounts: those are kept here, and never in this account's own list.
    """

    since: datetime
    until: datetime
    at_stripe: int
    here: int
    missing: tuple[WebhookEvent, ...]
    failed: tuple[KeptEvent, ...]
    stuck: tuple[KeptEvent, ...]
    unknown: tuple[KeptEvent, ...]
    warnings: tuple[str, ...] = ()
    connected: int = 0

    @property
    def any(self) -> bool:
        return bool(self.missing or self.failed or self.stuck or self.unknown)

    @property
    def next_command(self) -> str | None:
        """What mends the first of them; fetched events are then to be replayed."""
        window = f"--since {_minute(self.since)} --until {_minute(self.until)}"
        if self.missing:
            return f"LIVE=true billing webhooks fetch {window} --confirm"
        if self.failed or self.stuck:
            state = KeptState.FAILED if self.failed else self.stuck[0].state
            return f"billing webhooks replay --state {state} {window} --to URL"
        return f"billing webhooks show {self.unknown[0].event_id}" if self.unknown else None


def find_gaps(
    since: datetime,
    until: datetime,
    at_stripe: Sequence[WebhookEvent],
    here: Sequence[KeptEvent],
    account_id: str,
    stuck_after_s: int,
    warnings: Sequence[str] = (),
) -> Gaps:
    """Compares with the list of `account_id`, which has the events of no other account."""
    stripe_ids = {event.event_id for event in at_stripe}
    kept_ids = {event.event_id for event in here}
    return Gaps(
        since,
        until,
        len(at_stripe),
        len(here),
        missing=tuple(event for event in at_stripe if event.event_id not in kept_ids),
        failed=tuple(event for event in here if event.state is KeptState.FAILED),
        stuck=tuple(event for event in here if event.waiting_s is not None and event.waiting_s >= stuck_after_s),
        unknown=tuple(
            event for event in here if event.event_id not in stripe_ids and not event.is_connected(account_id)
        ),
        warnings=tuple(warnings),
        connected=sum(event.is_connected(account_id) for event in here),
    )


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}Z"
