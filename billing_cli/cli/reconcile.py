"""`billing reconcile`: ours against Stripe's; exit 3 on any difference."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from billing_cli.cli.options import Confirm, Expect, Period
from billing_cli.cli.reconcile_save import ReconcileRun, finish
from billing_cli.cli.session import open_session
from billing_cli.domain.errors import BadInput
from billing_cli.domain.period import chosen_window
from billing_cli.domain.reconciliation import Source, Subject, Window

_SUFFIXES = (".csv", ".json", ".parquet", ".html")


def reconcile(
    ctx: typer.Context,
    subject: Annotated[Subject, typer.Argument(metavar="SUBJECT", help="payments, invoices, usage or payouts.")],
    start: Annotated[str | None, typer.Option(metavar="D", help="From this day or instant on (UTC).")] = None,
    end: Annotated[str | None, typer.Option(metavar="D", help="Up to this day, included, or this instant.")] = None,
    period: Period = None,
    stripe_csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Read Stripe's side from its CSV.")] = None,
    from_report: Annotated[
        bool, typer.Option("--from-report", help="Have Stripe write a report, and read that (payments).")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="All differences: .csv, .json, .parquet or .html.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=100_000, metavar="N", help="How many differences are shown.")] = 20,
    save: Annotated[bool, typer.Option("--save", help="Keep the run; the next one tells what is new.")] = False,
    confirm: Confirm = False,
    expect: Expect = None,
) -> int:
    """Compare our rows with Stripe's, every one of both sides; exit 3 on any difference.

    payments: billing_payments against balance transactions.

    invoices: billing_invoices against Stripe's.

    usage: usage rows and what was exported against Stripe's meter totals, by day, or hour for parts of days.

    payouts: each automatic payout against the sum of its balance transactions.

    Writes: nothing; the file of --out; with --save, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing reconcile payments --period last-month --out differences.html
    LIVE=true billing reconcile payouts --period yesterday --save --confirm
    """
    from billing_cli import wiring

    if out and out.suffix not in _SUFFIXES:
        raise BadInput(f"--out {out}: the name says no format.", f"Let it end in {' or '.join(_SUFFIXES)}.")
    if (confirm or expect) and not save:
        raise BadInput("--confirm and --expect belong to --save: nothing else is written.")
    wiring.check_place(out)
    with open_session(ctx) as session, closing(wiring.workbench()) as workbench:
        # Usage and payouts have one time on both sides: there is nothing beyond the window to look for.
        edged = subject in (Subject.PAYMENTS, Subject.INVOICES)
        edge = timedelta(days=session.settings.config.reconcile.edge_days if edged else 0)
        window = _window(start, end, period, edge)
        run = ReconcileRun(session, workbench, subject, window, Source(stripe_csv, from_report), out, limit)
        return finish(run, save, confirm, expect)


def _window(start: str | None, end: str | None, period: str | None, edge: timedelta) -> Window:
    now = datetime.now(UTC)
    chosen = chosen_window(start, end, period, now)
    return Window(chosen.start, chosen.end, edge, now)
