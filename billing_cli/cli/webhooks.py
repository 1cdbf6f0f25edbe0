"""`billing webhooks`: events kept here, beside Stripe's, and sent again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.help import CommandGroup
from billing_cli.cli.options import Confirm, Expect, OnlyCompany, PlanOut, SignKey, WriteOptions, newest_first
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import open_session
from billing_cli.cli.state import state_of
from billing_cli.cli.webhook_keep import fetch_from
from billing_cli.cli.webhook_replay import ReplayCommand, check_request
from billing_cli.cli.write import carry_out
from billing_cli.domain.kept_event import KeptState
from billing_cli.domain.moment import moment

webhooks_app = CommandGroup("Keep Stripe's events, find the gaps in them, send them again.")


Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only this type; invoice.* means all of a kind.")
]
StateOption = Annotated[KeptState | None, typer.Option("--state", help="Only events in this state.")]
Since = Annotated[str | None, typer.Option(metavar="T", help="From then on: 2h, 3d or 2026-11-24T09:00Z.")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Up to then, not including it; now if left out.")]


@webhooks_app.command("list")
def list_webhooks(
    ctx: typer.Context,
    event_type: Type = None,
    company: OnlyCompany = None,
    state: StateOption = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, newest_first(100_000)] = 20,
) -> int:
    """List events kept here, with their outcome and attempts.

    Writes: nothing
    Needs: database

    Examples:
    billing webhooks list --state failed --since 2h
    billing webhooks list --company co_0001 --type "invoice.*"
    """
    from billing_cli.render.webhooks import EventsView, kept_document
    from billing_cli.usecases.webhooks import EventFilter, find_events

    now = datetime.now(UTC)
    wanted = EventFilter(
        event_type,
        company,
        state.value if state else None,
        moment(since, "--since", now) if since else None,
        moment(until, "--until", now) if until else None,
    )
    with open_session(ctx) as session:
        found = list(find_events(session.database, wanted, limit, newest_first=True))
    session.state.emit("webhooks", {"events": [kept_document(event) for event in found]}, EventsView(found))
    return 0


@webhooks_app.command()
def show(
    ctx: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="evt_…", autocompletion=ids("events"))],
) -> int:
    """Show one event: what it says, who handled it and how often, where it was replayed to.

    Writes: nothing
    Needs: database

    Examples:
    billing webhooks show evt_1SampleRefundUpdated
    billing --json webhooks show evt_1SampleRefundUpdated
    """
    from billing_cli.render.webhooks import render_event
    from billing_cli.usecases.webhooks import show_event

    with open_session(ctx) as session:
        document = show_event(session.database, event)
    session.state.emit("webhook", {"event": document}, render_event(document))
    return 0


@webhooks_app.command()
def fetch(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(metavar="T", help="From then on: 2h, 3d or 2026-11-24T09:00Z.")],
    until: Until = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this type; up to 20 of them.")
    ] = None,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only events that Stripe could not deliver.")
    ] = False,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Get events from Stripe's list and keep those that are not here yet.

    Without --confirm it only shows which these are.

    Writes: database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing webhooks fetch --since 2h
    LIVE=true billing webhooks fetch --since 4h --undelivered --confirm
    """
    now = datetime.now(UTC)
    window = {
        "since": moment(since, "--since", now).isoformat(timespec="seconds"),
        "until": moment(until or "0m", "--until", now).isoformat(timespec="seconds"),
    }
    words = ["webhooks", "fetch", *(word for name, value in window.items() for word in (f"--{name}", value))]
    words += [word for kind in types or [] for word in ("--type", kind)] + (["--undelivered"] if undelivered else [])
    with open_session(ctx) as session:
        command = fetch_from(session, {**window, "types": types or [], "undelivered": undelivered}, words)
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


@webhooks_app.command()
def gaps(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(metavar="T", help="From then on: 2h, 3d or 2026-11-24T09:00Z.")] = "24h",
    until: Until = None,
    stuck_after: Annotated[
        int, typer.Option(min=0, metavar="MINUTES", help="Minutes after which an open event is stuck.")
    ] = 15,
) -> int:
    """Compare Stripe's events with those kept here: missing, failed, stuck, unknown; exit 3 where there are any.

    Writes: nothing
    Needs: Stripe key, database

    Examples:
    billing webhooks gaps --since 24h
    billing webhooks gaps --since 2026-11-24T00:00Z --until 2026-11-24T06:00Z --stuck-after 30
    """
    from billing_cli import wiring
    from billing_cli.render.webhooks import GapsView, gaps_document
    from billing_cli.usecases.webhooks import Window, find_window_gaps

    now = datetime.now(UTC)
    window = Window(moment(since, "--since", now), moment(until or "0m", "--until", now), now)
    with open_session(ctx) as session:
        reader = wiring.event_reader(session.settings)
        found = find_window_gaps(session.database, reader, window, stuck_after * 60)
    session.state.emit(
        "webhook-gaps", gaps_document(found), GapsView(found), session.state.command(found.next_command or "")
    )
    return EXIT_FOUND_WRONG if found.any else 0


@webhooks_app.command()
def replay(
    ctx: typer.Context,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event", metavar="EVENT", help="This event; several times for more.", autocompletion=ids("events")
        ),
    ] = None,
    event_type: Type = None,
    company: OnlyCompany = None,
    state: StateOption = None,
    since: Since = None,
    until: Until = None,
    to: Annotated[str | None, typer.Option(metavar="URL", help="Where to; listed in billing.toml.")] = None,
    via: Annotated[Literal["stripe"] | None, typer.Option(help="Ask Stripe to deliver them again.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="WE", help="Stripe's endpoint, we_…, for --via.")] = None,
    rate: Annotated[float, typer.Option(min=0, metavar="N", help="Events a second; 0 is as fast as it goes.")] = 20.0,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Go on with other objects after a failure.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="REPLAY", help="Go on with this replay.")] = None,
    confirm: Confirm = False,
    expect: Expect = None,
) -> int:
    """Send kept events again, in Stripe's order for each object, signed with the current secret.

    Without --confirm it only shows which, and where to.

    Writes: your own URL, or Stripe with --via stripe; database (with --confirm and LIVE=true)
    Needs: webhook secret, database; with --via stripe, Stripe key

    Examples:
    billing webhooks replay --state failed --since 3h --to https://app.example.net/hooks/stripe
    LIVE=true billing webhooks replay --event evt_1SampleRefundUpdated --via stripe --endpoint we_1Sample --confirm
    """
    asked = {
        "events": list(dict.fromkeys(events or [])),
        "type": event_type,
        "company": company,
        "state": state.value if state else None,
        "since": _written_out(since, "--since"),
        "until": _written_out(until, "--until"),
        "resume": resume,
    }
    target = check_request(asked, to, endpoint, via)
    given: dict[str, object] = {name: value for name, value in asked.items() if name != "events"}
    given |= {"to": to, "via": via, "endpoint": endpoint, "rate": rate}
    words = ["webhooks", "replay", *(word for event in dict.fromkeys(events or []) for word in ("--event", event))]
    words += [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    words += ["--keep-going"] if keep_going else []
    with open_session(ctx) as session:
        request = {**asked, "target": target, "rate": rate, "keep_going": keep_going}
        return carry_out(session, ReplayCommand(session, request, words), WriteOptions(confirm, expect))


def _written_out(text: str | None, option: str) -> str | None:
    """`2h` as an instant, so that the same words mean the same later."""
    return moment(text, option, datetime.now(UTC)).isoformat(timespec="seconds") if text else None


@webhooks_app.command()
def sign(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The body, byte for byte.")],
) -> int:
    """Print the Stripe-Signature of a body, made now with the current secret: for rehearsals.

    Writes: nothing
    Needs: webhook secret

    Examples:
    billing webhooks sign docs/stripe_webhook_sample.json
    billing --json webhooks sign body.json
    """
    from billing_cli.cli.verify_webhook import read_body
    from billing_cli.domain.webhook_signature import signed_header

    state = state_of(ctx)
    secrets = state.settings().webhook_secrets()
    header = signed_header(read_body(file), secrets[0], int(datetime.now(UTC).timestamp()))
    state.emit("webhook-signature", {"signature": header}, header)
    return 0
