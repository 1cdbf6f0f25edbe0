"""One HTML file that needs nothing else: light and dark, with a table to search.

On a phone a row of a table is a paragraph, and cells with a `data-name` say it.
"""

from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: light dark; --fine: #2e7d32; --off: #c62828; --wait: #a15c00; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --fine: #81c784; --off: #ef9a9a; --wait: #ffcc80; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.facts { opacity: .75; margin-top: .2rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: pre; }
.nowrap { white-space: nowrap; }
.fine { color: var(--fine); } .off { color: var(--off); } .wait { color: var(--wait); }
.chart { display: flex; align-items: flex-end; gap: 2px; height: 140px; border-bottom: 1px solid var(--line); }
.chart div { flex: 1; min-width: 3px; }
.chart i { display: block; } .chart .ok { background: var(--fine); } .chart .bad { background: var(--off); }
input { font: inherit; padding: .3rem .6rem; width: min(100%, 24rem); margin-bottom: .6rem; box-sizing: border-box; }
input::placeholder { color: inherit; opacity: .7; }
ul { margin: .3rem 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
@media (max-width: 45rem) {
  thead, td:empty { display: none; }
  tr { border-bottom: 1px solid var(--line); display: block; padding: .5rem 0; }
  tr[hidden] { display: none; }
  td { border: 0; display: block; overflow-wrap: anywhere; padding: 0; }
  td[data-name] { padding-left: 1rem; }
  td[data-name]::before { content: attr(data-name) ": "; opacity: .75; }
  .number { text-align: left; }
}
"""
_SCRIPT = """
const rows = [...document.querySelectorAll('#searched > tbody > tr')];
const found = document.getElementById('found');
document.getElementById('search').addEventListener('input', event => {
  const words = event.target.value.toLowerCase().split(/\\s+/);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  found.textContent = shown + ' of ' + rows.length;
});
"""


def page(title: str, facts: str, parts: Iterable[str]) -> bytes:
    """The whole file. `title` and `facts` are text, `parts` are HTML already; nothing is loaded from anywhere."""
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="facts">{escape(facts)}</p>',
        *parts,
        "</body></html>\n",
    ]
    return "\n".join(lines).encode()


def searched(hint: str, head: str, rows: Iterable[str]) -> list[str]:
    """A table with a field above it that hides what does not fit; one on a page. `head` and `rows` are HTML."""
    return [
        f'<input id="search" type="search" aria-label="{escape(hint)}" placeholder="{escape(hint)}">',
        ' <span id="found"></span>',
        f'<div class="scroll"><table id="searched"><thead>{head}</thead><tbody>',
        *rows,
        "</tbody></table></div>",
        f"<script>{_SCRIPT}</script>",
    ]
