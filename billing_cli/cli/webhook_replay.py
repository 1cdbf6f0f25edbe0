"""Replaying kept events: chosen, shown, gated, sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from billing_cli.cli.outcome import EXIT_FOUND_WRONG, EXIT_PARTLY_DONE
from billing_cli.cli.session import Session
from billing_cli.cli.write import gates_passed
from billing_cli.domain.errors import BadInput
from billing_cli.domain.gate import ApprovedPlan, Gates
from billing_cli.domain.moment import moment
from billing_cli.domain.replay import ReplayPlan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing_cli.domain.ports import EventPoster
    from billing_cli.usecases.webhook_replay import Selected

# What Stripe is asked to deliver, by its own endpoint's id.
_ENDPOINT = "we_"
CHOICES = ("events", "type", "company", "state", "since", "until")


@dataclass(frozen=True)
class ReplayCommand:
    """`request` is what the operator asked for."""

    session: Session
    request: Mapping[str, Any]
    words: list[str]
    noun: str = "webhooks-replay"

    def plan(self) -> ReplayPlan:
        from billing_cli import wiring

        selected = self._select()
        # Refuses a place that is not listed before anything is shown.
        self._poster(selected.target).close()
        return selected.plan(wiring.event_identity(self.session.settings, selected.livemode))

    def _select(self) -> "Selected":
        from billing_cli.usecases.webhook_replay import select_events, select_rest
        from billing_cli.usecases.webhooks import EventFilter

        asked, now = self.request, datetime.now(UTC)
        if asked["resume"]:
            return select_rest(self.session.database, asked["resume"], asked)
        since, until = (moment(asked[n], f"--{n}", now) if asked[n] else None for n in ("since", "until"))
        wanted = EventFilter(asked["type"], asked["company"], asked["state"], since, until, tuple(asked["events"]))
        return select_events(self.session.database, wanted, asked["target"], asked)

    def _poster(self, target: str) -> "EventPoster":
        from billing_cli import wiring

        if target.startswith(_ENDPOINT):
            return wiring.event_resender(self.session.settings, target)
        return wiring.event_poster(self.session.settings, target)

    def document(self, plan: ReplayPlan, gates: Gates) -> dict[str, object]:
        from billing_cli.render.webhook_replay import replay_plan_document

        return replay_plan_document(plan, gates)

    def view(self, plan: ReplayPlan, gates: Gates) -> "RenderableType":
        from billing_cli.render.webhook_replay import ReplayPlanView

        return ReplayPlanView(plan, gates)

    def run(self, approved: ApprovedPlan[ReplayPlan]) -> int:
        from billing_cli import wiring
        from billing_cli.cli.progress import ConsoleProgress
        from billing_cli.render.webhook_replay import render_replayed, replayed_document
        from billing_cli.usecases.webhook_replay import run_replay

        state = self.session.state
        if approved.plan.empty:
            document = self.document(approved.plan, gates_passed(self.session))
            state.emit(self.noun, document, "Nothing was sent.")
            return 0
        poster = self._poster(approved.plan.target)
        try:
            with ConsoleProgress(state, "events delivered") as progress:
                run = wiring.replay_environment(self.session.settings, self.session.database, progress)
                done = run_replay(approved, poster, run, self.request["rate"], self.request["keep_going"])
        finally:
            poster.close()
        told = (done.replay, done.deliveries, done.seconds)
        state.emit(
            self.noun, replayed_document(*told), render_replayed(*told), state.command(done.replay.next_command or "")
        )
        if done.replay.pending:
            return EXIT_PARTLY_DONE
        return EXIT_FOUND_WRONG if done.replay.failed else 0


def check_request(request: Mapping[str, Any], to: str | None, endpoint: str | None, via: str | None) -> str | None:
    """Where to send: the URL or the endpoint's id; None for a resumed replay, which knows. Raises BadInput."""
    if request["resume"]:
        if to or endpoint or any(request[name] for name in CHOICES):
            raise BadInput("--resume goes on with what was chosen before.", "Leave the other choices out.")
        return None
    if not any(request[name] for name in CHOICES):
        raise BadInput("Which events?", "Choose with --event, --type, --company, --state or --since.")
    if via == "stripe":
        if not endpoint or not endpoint.startswith(_ENDPOINT) or to:
            raise BadInput("--via stripe needs --endpoint we_… and no --to.", "Stripe shows the id with the endpoint.")
        return endpoint
    if not to or endpoint:
        raise BadInput(
            "Where to?", "Name a URL that billing.toml lists with --to, or use --via stripe --endpoint we_…."
        )
    return to
