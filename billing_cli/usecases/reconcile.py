"""Ours beside Stripe's: both sides are read, judged row by row, and counted. Nothing is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput
from billing_cli.domain.meter import route_meters
from billing_cli.domain.ports import BillingReader, Database, LedgerReader, RowSink, Workbench
from billing_cli.domain.reconciliation import DIFFERENCES, Coverage, Report, Rules, Subject, SummariesWanted, Window

_IDS_AT_ONCE = 5_000
# From the day of a charge to its payout; a week, or two for new accounts.
_SETTLES_WITHIN = timedelta(days=14)
# Stripe's table and ours, and the SQL function that ours is read with.
_TABLES = {
    Subject.PAYMENTS: ("transactions", "payments", "billing_reconcile_payments_v1"),
    Subject.INVOICES: ("stripe_invoices", "invoices", "billing_reconcile_invoices_v1"),
}


class ReadObserver(Protocol):
    """Is told how many rows were read, for people to see."""

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True)
class Reconciler:
    """Both sides and the place where they meet. `workbench` is used once."""

    database: Database
    stripe: LedgerReader
    meters: BillingReader
    event_names: Mapping[str, str]
    workbench: Workbench
    rules: Rules
    observer: ReadObserver

    def run(self, subject: Subject, window: Window, stripe_csv: Path | None, shown: int) -> Report:
        """Raises BadInput for a file of another kind, Unavailable where a side cannot be read whole."""
        identity = self.stripe.identity()
        if subject is Subject.USAGE:
            self._read_usage(window, identity)
            coverage = Coverage(window.start, window.end, window.start, window.end)
        elif subject is Subject.PAYOUTS:
            self._read_payouts(window)
            coverage = Coverage(window.start, window.end, window.start, window.end)
        else:
            coverage = self._read_stripe(subject, window, stripe_csv)
            self._read_ours(subject, window)
        if subject is Subject.PAYMENTS:
            self._read_earlier_payments()
        bench = self.workbench
        bench.match(subject, window, self.rules, coverage)
        totals = bench.totals()
        different = sum(total.items for total in totals if total.verdict in DIFFERENCES)
        if subject is Subject.PAYOUTS and different:
            self._read_suspects(window)
        stripe_read, ours_read = bench.read_counts(subject)
        return Report(
            subject=subject,
            identity=identity,
            window=window,
            source=str(stripe_csv) if stripe_csv else "Stripe's lists",
            stripe_read=stripe_read,
            ours_read=ours_read,
            totals=totals,
            days=bench.days(),
            left_out=bench.left_out(),
            findings=list(bench.findings(shown)),
            different=different,
            proofs=bench.payout_proofs() if subject is Subject.PAYOUTS else (),
        )

    def _read_stripe(self, subject: Subject, window: Window, stripe_csv: Path | None) -> Coverage:
        """Reads it, and says from when to when it was read."""
        wide = (window.wide_start, window.wide_end)
        table = _TABLES[subject][0]
        if stripe_csv is None:
            read = self.stripe.transactions if subject is Subject.PAYMENTS else self.stripe.invoices
            with self.workbench.rows_for(table) as rows:
                read(*wide, self._counted(rows.add))
            return Coverage(*wide, *wide)
        filled = self.workbench.load_csv(stripe_csv)
        if filled != table:
            raise BadInput(f"{stripe_csv} is an export for another comparison.", f"It fills {filled}, not {table}.")
        # A file says nothing about what is before its first row and behind its last.
        first, last = self.workbench.transaction_span(table) or (window.start, window.start)
        return Coverage(first, last + timedelta(seconds=1), *wide)

    def _read_ours(self, subject: Subject, window: Window) -> None:
        _, table, function = _TABLES[subject]
        arguments = {"p_since": window.wide_start.isoformat(), "p_until": window.wide_end.isoformat()}
        after: str | None = None
        with self.workbench.rows_for(table) as rows:
            for page_number in count():
                page = self.database.call(function, **arguments, p_after=after)
                rows.add_lines(page["rows"])
                self.observer.advance(page["count"])
                # The first page may hold only rows without an id.
                if page_number and not page["count"]:
                    return
                after = page["last"]

    def _read_earlier_payments(self) -> None:
        """Payments from before the window, whose money went back in it."""
        with self.workbench.rows_for("payments") as rows:
            wanted = iter(self.workbench.payments_without_charge())
            while ids := list(islice(wanted, _IDS_AT_ONCE)):
                page = self.database.call("billing_reconcile_payments_by_id_v1", p_payment_intent_ids=ids)
                rows.add_lines(page["rows"])

    def _read_usage(self, window: Window, identity: StripeIdentity) -> None:
        """Ours first: the customers and meters to ask Stripe about are known here."""
        routes = route_meters(self.meters.meters(), self.event_names)
        with self.workbench.rows_for("usage") as rows:
            for start in _days(window):
                page = self.database.call(
                    "billing_reconcile_usage_v1",
                    p_account=identity.account_id,
                    p_livemode=identity.livemode,
                    p_start=start.isoformat(),
                    p_end=min(start + timedelta(days=1), window.end).isoformat(),
                    p_meters=[vars(route) for route in routes],
                )
                rows.add_lines(page["rows"])
                self.observer.advance(page["count"])
        names = sorted({route.event_name for route in routes if route.problem is None})
        grouping = "day" if window.whole_days else "hour"
        with self.workbench.rows_for("summaries") as rows:
            for customers in self._customers():
                wanted = SummariesWanted(customers, names, window.start, window.end, grouping)
                self.stripe.summaries(wanted, self._counted(rows.add))

    def _read_payouts(self, window: Window) -> None:
        with self.workbench.rows_for("payouts") as rows, self.workbench.rows_for("transactions") as parts:
            self.stripe.payouts(window.start, window.end, self._counted(rows.add), self._counted(parts.add))

    def _read_suspects(self, window: Window) -> None:
        """What happened before the payouts and may belong to one that is not the sum of its own."""
        with self.workbench.rows_for("candidates") as rows:
            self.stripe.transactions(window.start - _SETTLES_WITHIN, window.end, self._counted(rows.add))

    def _customers(self) -> Iterator[list[str]]:
        after = ""
        while (page := self.database.call("billing_reconcile_customers_v1", p_after=after))["customers"]:
            yield page["customers"]
            after = page["last"]

    def _counted(self, sink: RowSink) -> RowSink:
        def add(rows: Iterable[Mapping[str, object]]) -> None:
            found = list(rows)
            sink(found)
            self.observer.advance(len(found))

        return add


def _days(window: Window) -> Iterator[datetime]:
    start = window.start
    while start < window.end:
        yield start
        start += timedelta(days=1)
