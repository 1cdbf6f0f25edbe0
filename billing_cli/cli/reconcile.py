"""`billing reconcile`: ours against Stripe's, read-only; exit 3 on any difference."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.progress import ConsoleCount
from billing_cli.cli.session import open_session
from billing_cli.domain.errors import BadInput
from billing_cli.domain.period import window_from_bounds, window_from_period
from billing_cli.domain.reconciliation import Subject, Window

reconcile_app = typer.Typer(
    help="Ours against Stripe's: every row of both sides, exit 3 on any difference.", no_args_is_help=True
)

Start = Annotated[str | None, typer.Option(metavar="D", help="From this day or instant on (UTC).")]
End = Annotated[str | None, typer.Option(metavar="D", help="Up to this day, which is included, or this instant.")]
PeriodOption = Annotated[
    str | None, typer.Option("--period", metavar="P", help="yesterday, last-month, month-to-date …")
]
StripeCsv = Annotated[
    Path | None, typer.Option("--stripe-csv", metavar="FILE", help="Read Stripe's side from its CSV.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="All differences: .csv, .json, .parquet or .html.")
]
Limit = Annotated[int, typer.Option(min=0, max=100_000, help="How many differences are shown.")]

_RENDERED = (".json", ".html")
_SUFFIXES = (".csv", ".parquet", *_RENDERED)


@reconcile_app.command()
def payments(
    ctx: typer.Context,
    start: Start = None,
    end: End = None,
    period: PeriodOption = None,
    stripe_csv: StripeCsv = None,
    out: Out = None,
    limit: Limit = 20,
) -> int:
    """billing_payments against the balance transactions of Stripe.

    billing reconcile payments --period last-month

    billing reconcile payments --period yesterday --out differences.csv
    """
    return _reconcile(ctx, Subject.PAYMENTS, (start, end, period), stripe_csv, out, limit)


@reconcile_app.command()
def invoices(
    ctx: typer.Context,
    start: Start = None,
    end: End = None,
    period: PeriodOption = None,
    stripe_csv: StripeCsv = None,
    out: Out = None,
    limit: Limit = 20,
) -> int:
    """billing_invoices against Stripe's invoices: total, paid, currency and status.

    billing reconcile invoices --period last-month
    """
    return _reconcile(ctx, Subject.INVOICES, (start, end, period), stripe_csv, out, limit)


@reconcile_app.command()
def usage(
    ctx: typer.Context,
    start: Start = None,
    end: End = None,
    period: PeriodOption = None,
    out: Out = None,
    limit: Limit = 20,
) -> int:
    """Usage and what was exported of it against Stripe's meter totals, by day, or by hour for parts of days.

    billing reconcile usage --period yesterday
    """
    return _reconcile(ctx, Subject.USAGE, (start, end, period), None, out, limit)


@reconcile_app.command()
def payouts(
    ctx: typer.Context,
    start: Start = None,
    end: End = None,
    period: PeriodOption = None,
    out: Out = None,
    limit: Limit = 20,
) -> int:
    """Each automatic payout against the sum of its balance transactions, to the cent.

    billing reconcile payouts --period last-month
    """
    return _reconcile(ctx, Subject.PAYOUTS, (start, end, period), None, out, limit)


def _reconcile(
    ctx: typer.Context,
    subject: Subject,
    when: tuple[str | None, str | None, str | None],
    stripe_csv: Path | None,
    out: Path | None,
    limit: int,
) -> int:
    from billing_cli import wiring
    from billing_cli.render.reconcile import ReportView, report_document, write_json
    from billing_cli.render.reconcile_html import write_html

    if out and out.suffix not in _SUFFIXES:
        raise BadInput(f"--out {out}: the name says no format.", f"Let it end in {' or '.join(_SUFFIXES)}.")
    with open_session(ctx) as session, closing(wiring.workbench()) as workbench:
        settings = session.settings
        # Usage and payouts have one time on both sides: there is nothing beyond the window to look for.
        edge_days = 0 if subject in (Subject.USAGE, Subject.PAYOUTS) else settings.config.reconcile.edge_days
        window = _window(*when, timedelta(days=edge_days))
        with ConsoleCount(session.state, "rows read") as progress:
            reconciler = wiring.reconciler(settings, session.database, workbench, progress)
            report = reconciler.run(subject, window, stripe_csv, limit)
        if out and out.suffix in _RENDERED:
            write = write_json if out.suffix == ".json" else write_html
            wiring.write_file(out, write(report, workbench.findings()))
        elif out:
            workbench.write(out)
    session.state.emit("reconciliation", report_document(report), ReportView(report, str(out) if out else None))
    return 0 if report.agrees else EXIT_FOUND_WRONG


def _window(start: str | None, end: str | None, period: str | None, edge: timedelta) -> Window:
    now = datetime.now(UTC)
    if period and not (start or end):
        chosen = window_from_period(period, now)
    elif start and end and not period:
        chosen = window_from_bounds(start, end, now)
    else:
        raise BadInput("Give either --start and --end, or --period.", "For example: --period last-month")
    return Window(chosen.start, chosen.end, edge, now)
