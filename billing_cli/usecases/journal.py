"""The books of a period: Stripe's balance transactions read, or taken from a file, and made into entries."""

from pathlib import Path

from billing_cli.domain.errors import BadInput
from billing_cli.domain.journal import Chart, Entry, Grouping, Period, journal
from billing_cli.domain.ports import LedgerReader, Workbench


def make_journal(
    stripe: LedgerReader,
    workbench: Workbench,
    chart: Chart,
    period: Period,
    grouping: Grouping,
    stripe_csv: Path | None,
    currency: str | None,
) -> list[Entry]:
    """Raises BadInput for a file of another kind, Misconfigured for a category without an account."""
    if stripe_csv is None:
        with workbench.rows_for("transactions") as rows:
            stripe.transactions(period.start, period.end, rows.add)
    elif workbench.load_csv(stripe_csv) != "transactions":
        raise BadInput(f"{stripe_csv} has no balance transactions.", "Export an itemized balance report.")
    wanted = (
        one
        for one in workbench.transactions()
        if period.start <= one.created_at < period.end and currency in (None, one.currency)
    )
    return journal(wanted, chart, period, grouping)
