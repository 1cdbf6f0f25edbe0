"""A comparison as one HTML file that needs nothing else: totals, a chart by day, differences to search."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from billing_cli.domain.reconciliation import FINE, REASONS, DayTotal, Finding, Report
from billing_cli.render.html_page import page, searched
from billing_cli.render.reconcile import SIDES, agreement, by_class, finding_cells, shown_amount, span

_BAR_HEIGHT = 120
_SHORT = 12
# Columns, and the class of their cells.
_TOTALS = {"class": "", "reason": "", **dict.fromkeys(("items", "at Stripe", "here", "difference"), "number")}
_DIFFERENCES = {
    **dict.fromkeys(("class", "reason", "id", "day", "company"), ""),
    "at Stripe": "number",
    "here": "number",
}


def write_html(report: Report, findings: Iterable[Finding]) -> bytes:
    """The whole file; every text from outside is escaped, and nothing is loaded from anywhere."""
    verdict = agreement(report) if report.agrees else f"{report.different:,} differences"
    parts = [
        f'<p class="{"fine" if report.agrees else "off"}"><strong>{verdict}</strong></p>',
        *_totals(report),
        *_chart(report.days),
        *_differences(report, findings),
    ]
    return page(span(report), _facts(report), parts)


def _facts(report: Report) -> str:
    mode = "live" if report.identity.livemode else "test"
    return (
        f"{report.identity.account_id} ({mode} mode); Stripe's side from {report.source}; "
        f"{report.stripe_read:,} rows read of Stripe's side, {report.ours_read:,} of this side"
    )


def _totals(report: Report) -> list[str]:
    parts = ["<h2>Totals</h2>", '<div class="scroll"><table><thead>']
    parts += [_row(_TOTALS), "</thead><tbody>"]
    for (verdict, unit), group in by_class(report.totals):
        for total in group:
            amounts = [
                shown_amount(report, value, unit) for value in (total.stripe, total.ours, total.stripe - total.ours)
            ]
            meaning = REASONS.get(total.reason, total.reason.replace("_", " "))
            kind = "fine" if verdict in FINE else "off"
            parts.append(_row(_TOTALS, (verdict.value, meaning, f"{total.items:,}", *amounts), kind))
    for each in report.left_out:
        amount = shown_amount(report, each.amount, each.unit)
        sides = (amount, "", "") if each.side == "stripe" else ("", amount, "")
        what = f"{each.what}, on {SIDES[each.side]}"
        parts.append(_row(_TOTALS, ("not compared", what, f"{each.rows:,}", *sides)))
    return [*parts, "</tbody></table></div>"]


def _row(columns: Mapping[str, str], texts: Sequence[str] = (), kind: str = "") -> str:
    """A row of cells, or of the columns' own names. `columns`: the class of each; `kind`: that of the first cell."""
    cells = []
    for name, text in zip(columns, texts or columns, strict=True):
        cell, classes = "td" if texts else "th", columns[name] or _short(text)
        first = name == next(iter(columns))
        said = f' data-name="{name}"' if texts and text and not first and name != "reason" else ""
        cells.append(f'<{cell} class="{kind if first else classes}"{said}>{escape(text)}</{cell}>')
    return f"<tr>{''.join(cells)}</tr>"


def _short(text: str) -> str:
    """Short words stay on their line, days above all."""
    return "nowrap" if len(text) <= _SHORT else ""


def _chart(days: Sequence[DayTotal]) -> list[str]:
    """A bar a day: what is fine below, what differs on top and never too small to be seen."""
    highest = max((each.fine + each.different for each in days), default=0)
    if not highest:
        return []
    parts = ["<h2>By day</h2>", '<div class="chart" role="img" aria-label="Items by day">']
    for each in days:
        fine, off = (_BAR_HEIGHT * number / highest for number in (each.fine, each.different))
        title = f"{each.day}: {each.fine:,} fine, {each.different:,} different"
        bad = f'<i class="bad" style="height:{max(off, 3):.0f}px"></i>' if each.different else ""
        parts.append(f'<div title="{title}">{bad}<i class="ok" style="height:{fine:.0f}px"></i></div>')
    return [*parts, "</div>", f'<p class="facts">{days[0].day} to {days[-1].day}</p>']


def _differences(report: Report, findings: Iterable[Finding]) -> list[str]:
    if report.agrees:
        return []
    head = _row(_DIFFERENCES)
    rows = (_difference(report, each) for each in findings)
    return ["<h2>Differences</h2>", *searched(f"Search {report.different:,} differences", head, rows)]


def _difference(report: Report, each: Finding) -> str:
    stripe, here = finding_cells(report, each)
    company = each.company_id or each.customer_id or "-"
    texts = (each.verdict.value, each.reason, each.key, str(each.day or "-"), company, stripe, here)
    return _row(_DIFFERENCES, texts, "off")
