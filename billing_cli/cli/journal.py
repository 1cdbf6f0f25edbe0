"""`billing journal`: double entry from Stripe's balance transactions, as accounting programs import it."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billing_cli.cli.progress import ConsoleCount
from billing_cli.cli.state import state_of
from billing_cli.domain.errors import BadInput
from billing_cli.domain.journal import Grouping
from billing_cli.domain.money import currency_code
from billing_cli.domain.period import Window, window_from_bounds, window_from_month
from billing_cli.render.journal import Format


def journal(
    ctx: typer.Context,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="A calendar month (UTC).")] = None,
    start: Annotated[str | None, typer.Option(metavar="D", help="From this day on, instead of a month.")] = None,
    end: Annotated[str | None, typer.Option(metavar="D", help="Up to this day, which is included.")] = None,
    file_format: Annotated[Format, typer.Option("--format", help="Who reads it.")] = Format.CSV,
    by: Annotated[
        Grouping, typer.Option(help="One posting a category, or one entry a transaction.")
    ] = Grouping.CATEGORY,
    currency: Annotated[str | None, typer.Option(metavar="usd", help="Only what settled in this currency.")] = None,
    stripe_csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Read Stripe's itemized report.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Instead of stdout.")] = None,
) -> int:
    """Print a month's balance transactions as journal entries, by the chart of accounts in billing.toml.

    Writes: nothing, or the file of -o
    Needs: Stripe key

    Examples:
    billing journal --month 2026-10 --format quickbooks -o october.csv
    billing journal --start 2026-11-01 --end 2026-11-15 --format beancount
    """
    from billing_cli import wiring
    from billing_cli.render.journal import write_journal
    from billing_cli.render.journal_summary import JournalView, journal_document
    from billing_cli.usecases.journal import make_journal

    state = state_of(ctx)
    settings = state.settings()
    period = _period(month, start, end)
    wiring.check_place(output)
    code = currency_code(currency) if currency else None
    with closing(wiring.workbench()) as workbench, ConsoleCount(state, "transactions read"):
        reader, chart = wiring.ledger_reader(settings), wiring.chart(settings)
        entries = make_journal(reader, workbench, chart, period, by, stripe_csv, code)
    text = write_journal(file_format, entries, wiring.programs(settings))
    if not entries:
        state.err.print("No entries: nothing moved the Stripe balance in this period.", style="yellow", soft_wrap=True)
    if output:
        wiring.write_file(output, text.encode())
        state.emit("journal", journal_document(period, entries, str(output)), JournalView(period, entries, str(output)))
    elif state.json:
        state.emit("journal", journal_document(period, entries, None), "")
    else:
        state.write(text)
    return 0


def _period(month: str | None, start: str | None, end: str | None) -> Window:
    now = datetime.now(UTC)
    if month and not (start or end):
        window = window_from_month(month)
        if window.end > now:
            raise BadInput(f"{month} is not over yet.", "Give --start and --end for a part of it.")
        return window
    if start and end and not month:
        return window_from_bounds(start, end, now)
    raise BadInput("Give either --month, or --start and --end.", "For example: --month 2026-10")
