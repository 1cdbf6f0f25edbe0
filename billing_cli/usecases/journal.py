"""The books of a period: Stripe's balance transactions read, or taken from a file, and made into entries."""

from collections.abc import Iterator
from pathlib import Path

from billing_cli.domain.balance_transaction import BalanceTransaction
from billing_cli.domain.journal import Chart, Entry, Grouping, journal, roles_of
from billing_cli.domain.period import Window
from billing_cli.domain.ports import LedgerReader, Workbench
from billing_cli.domain.stripe_export import ExportKind


def make_journal(
    stripe: LedgerReader,
    workbench: Workbench,
    chart: Chart,
    period: Window,
    grouping: Grouping,
    stripe_csv: Path | None,
    currency: str | None,
) -> list[Entry]:
    """Raises BadInput for a file of another kind, Misconfigured for a category without an account."""
    if stripe_csv is None:
        with workbench.rows_for("transactions") as rows:
            stripe.transactions(period.start, period.end, rows.add)
    else:
        # The Dashboard's export of payments knows neither refunds nor payouts: no books come of it.
        workbench.load_csv(stripe_csv, [ExportKind.ITEMIZED])
    # All that has no account at once, before the first entry.
    chart.check(roles_of(_wanted(workbench, period, currency)))
    return journal(_wanted(workbench, period, currency), chart, period, grouping)


def _wanted(workbench: Workbench, period: Window, currency: str | None) -> Iterator[BalanceTransaction]:
    return (
        one
        for one in workbench.transactions()
        if period.start <= one.created_at < period.end and currency in (None, one.currency)
    )
