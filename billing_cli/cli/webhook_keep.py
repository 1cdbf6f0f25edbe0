"""Keeping events, one that was delivered or many that were fetched: plan, gate, store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from billing_cli.cli.options import WriteOptions
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.keeping import KeepPlan
from billing_cli.domain.moment import moment

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing_cli.domain.webhook_event import WebhookEvent


@dataclass(frozen=True)
class KeepCommand:
    """Stores what its plan names."""

    session: Session
    noun: str
    words: list[str]
    make_plan: Callable[[], KeepPlan]

    def plan(self) -> KeepPlan:
        return self.make_plan()

    def document(self, plan: KeepPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.webhooks import keep_document

        return keep_document(plan, gates)

    def view(self, plan: KeepPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.webhooks import KeepView

        return KeepView(plan, gates)

    def run(self, approved: ApprovedPlan[KeepPlan]) -> int:
        from billing_cli.render.webhooks import render_stored, stored_document
        from billing_cli.usecases.webhooks import keep_events

        stored = keep_events(approved, self.session.database, self.session.settings.actor)
        self.session.state.emit(
            self.noun,
            stored_document(approved.plan, stored.new, stored.again, stored.effects),
            render_stored(stored.new, stored.again, stored.effects),
        )
        return 0


def store_event(ctx: typer.Context, event: "WebhookEvent", words: list[str], options: WriteOptions) -> int:
    """Keeps one event whose signature was verified; callers have verified it."""
    from billing_cli import wiring
    from billing_cli.usecases.webhooks import plan_delivery

    with open_session(ctx) as session:
        identity = wiring.event_identity(session.settings, event.livemode, event.account_id)

        def plan() -> KeepPlan:
            return plan_delivery(session.database, identity, event)

        return carry_out(session, KeepCommand(session, "webhook-store", words, plan), options)


def fetch_from(session: Session, request: Mapping[str, Any], words: list[str]) -> KeepCommand:
    """The command; also that of a plan file, whose window is written out."""
    from billing_cli import wiring
    from billing_cli.usecases.webhooks import Window, plan_fetch

    now = datetime.now(UTC)
    window = Window(moment(request["since"], "--since", now), moment(request["until"], "--until", now), now)
    reader = wiring.event_reader(session.settings)

    def plan() -> KeepPlan:
        return plan_fetch(session.database, reader, window, request["types"], request["undelivered"], request)

    return KeepCommand(session, "webhooks-fetch", words, plan)
