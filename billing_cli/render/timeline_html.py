"""One company's story as one HTML file that needs nothing else."""

from html import escape

from billing_cli.domain.timeline import Happening, Kind, Story, happenings
from billing_cli.render.html_page import page, searched
from billing_cli.render.numbers import minute
from billing_cli.render.timeline import facts_of, told

_CLASSES = {"red": "off", "yellow": "wait", "green": "fine"}


def write_story_html(story: Story) -> bytes:
    """The whole file; every text from outside is escaped. Items that are told as one can be unfolded."""
    rows = [_row(each) for each in happenings(story.entries)]
    head = "<tr><th>time</th><th>what</th><th>state</th><th>details</th><th>Stripe's request</th></tr>"
    parts = searched(f"Search {len(rows):,} lines", head, rows) if rows else ["<p>Nothing happened.</p>"]
    return page(f"Company {story.company_id}", facts_of(story), parts)


def _row(happening: Happening) -> str:
    words = told(happening)
    details = "<br>".join(map(escape, words.says))
    if happening.first.kind is Kind.ITEM:
        details += _unfolded(happening)
    return (
        f'<tr><td class="nowrap">{escape(words.at)}</td><td>{escape(words.what)}</td>'
        f'<td class="{_CLASSES[words.style]}">{escape(words.state)}</td><td>{details}</td>'
        f"<td{' data-name=request' if words.request else ''}>{escape(words.request)}</td></tr>"
    )


def _unfolded(happening: Happening) -> str:
    lines = []
    for entry in happening.entries:
        facts = entry.facts
        said = (minute(facts["bucket_start"]), facts["quantity"], facts["identifier"], facts["request_id"] or "")
        lines.append(f"<li>{escape('  '.join(said))}</li>")
    return f"<details><summary>each hour</summary><ul>{''.join(lines)}</ul></details>"
