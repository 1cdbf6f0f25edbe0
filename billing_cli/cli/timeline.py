"""`billing timeline`: one company's story."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billing_cli.cli.options import Company
from billing_cli.cli.session import open_session
from billing_cli.domain.moment import moment


def timeline(
    ctx: typer.Context,
    company: Company,
    since: Annotated[str | None, typer.Option(metavar="T", help="From then on: 2h, 3d or 2026-11-24T09:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to then, not including it.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page that needs nothing else.")
    ] = None,
) -> int:
    """Tell what happened to one company, in time order, with Stripe's request ids; personal data is masked.

    Writes: nothing, or the file of --html
    Needs: database

    Examples:
    billing timeline co_0001 --since 30d
    billing timeline co_0001 --since 2026-10-01 --until 2026-11-01 --html october.html
    """
    from rich.text import Text

    from billing_cli import wiring
    from billing_cli.render.timeline import StoryView, story_document
    from billing_cli.render.timeline_html import write_story_html
    from billing_cli.usecases.timeline import tell

    now = datetime.now(UTC)
    window = (moment(since, "--since", now) if since else None, moment(until, "--until", now) if until else None)
    wiring.check_place(html)
    with open_session(ctx) as session:
        story = tell(session.database, company, *window)
    view: Text | StoryView = StoryView(story)
    if html:
        wiring.write_file(html, write_story_html(story))
        view = Text(f"{len(story.entries):,} entries of {company} were written to {html}.")
    session.state.emit("timeline", story_document(story), view)
    return 0
