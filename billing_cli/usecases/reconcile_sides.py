"""What both sides of a comparison are read from, into the tables of the workbench."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput
from billing_cli.domain.meter import Backend, MeterRule, route_meters
from billing_cli.domain.ports import BillingReader, Database, LedgerReader, ReportReader, RowSink, Workbench
from billing_cli.domain.reconciliation import Coverage, Source, Subject, SummariesWanted, Window
from billing_cli.domain.stripe_export import ExportKind

_IDS_AT_ONCE = 5_000
# Stripe's table and ours, and the SQL function that ours is read with.
_TABLES = {
    Subject.PAYMENTS: ("transactions", "payments", "billing_reconcile_payments_v1"),
    Subject.INVOICES: ("stripe_invoices", "invoices", "billing_reconcile_invoices_v1"),
}
_FILES = {
    Subject.PAYMENTS: (ExportKind.ITEMIZED, ExportKind.PAYMENTS),
    Subject.INVOICES: (ExportKind.INVOICES,),
}


class ReadObserver(Protocol):
    """Is told how many rows were read, and how long Stripe has been at a report, for people to see."""

    def advance(self, count: int) -> None: ...

    def waited(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Sides:
    """Everything that is read; `payout_wait` is how long before its payout a transaction may have been made."""

    database: Database
    stripe: LedgerReader
    reports: ReportReader
    meters: BillingReader
    meter_rules: Mapping[str, MeterRule]
    workbench: Workbench
    payout_wait: timedelta
    observer: ReadObserver

    def read(self, subject: Subject, window: Window, source: Source, identity: StripeIdentity) -> Coverage:
        """Both sides, and from when to when they were read. Raises BadInput for a source that does not fit."""
        _check_source(subject, source)
        if subject is Subject.USAGE:
            self._read_usage(window, identity)
            return Coverage(window.start, window.end, window.start, window.end)
        if subject is Subject.PAYOUTS:
            self._read_payouts(window)
            return Coverage(window.start, window.end, window.start, window.end)
        stripe_from, stripe_until = self._read_stripe(subject, window, source)
        self._read_ours(subject, window)
        if subject is Subject.PAYMENTS:
            self._read_earlier_payments()
        return Coverage(stripe_from, stripe_until, window.wide_start, window.wide_end)

    def read_suspects(self, window: Window) -> None:
        """What happened before the payouts and may belong to one that is not the sum of its own."""
        with self.workbench.rows_for("candidates") as rows:
            self.stripe.transactions(window.start - self.payout_wait, window.end, self._counted(rows.add))

    def read_saved(self, subject: Subject, identity: StripeIdentity) -> None:
        """What earlier runs saved and is still open."""
        found = self.database.call(
            "billing_reconcile_open_v1",
            p_subject=subject.value,
            p_account=identity.account_id,
            p_livemode=identity.livemode,
        )
        with self.workbench.rows_for("saved") as rows:
            rows.add_lines(found["rows"])
        if found["saved_s"] is not None:
            with self.workbench.rows_for("last_run") as rows:
                rows.add([{"saved_s": found["saved_s"]}])

    def _read_stripe(self, subject: Subject, window: Window, source: Source) -> tuple[datetime, datetime]:
        table = _TABLES[subject][0]
        if source.file:
            self.workbench.load_csv(source.file, _FILES[subject])
            span = self.workbench.span(table)
            if span is None:
                raise BadInput(f"{source.file} has no rows.", "Export the window again; no agreement follows from it.")
            # A file says nothing about what is before its first row and behind its last.
            return span[0], span[1] + timedelta(seconds=1)
        if source.report:
            path = self.workbench.scratch("report.csv")
            covered = self.reports.download(window.wide_start, window.wide_end, path, self.observer.waited)
            self.workbench.load_csv(path, [ExportKind.ITEMIZED])
            return covered
        read = self.stripe.transactions if subject is Subject.PAYMENTS else self.stripe.invoices
        with self.workbench.rows_for(table) as rows:
            read(window.wide_start, window.wide_end, self._counted(rows.add))
        return window.wide_start, window.wide_end

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
        routes = route_meters(self.meters.meters(), self.meter_rules)
        with self.workbench.rows_for("usage") as rows:
            for start in _days(window):
                page = self.database.call(
                    "billing_reconcile_usage_v1",
                    p_account=identity.account_id,
                    p_livemode=identity.livemode,
                    p_start=start.isoformat(),
                    p_end=min(start + timedelta(days=1), window.end).isoformat(),
                    p_meters=[route.document() for route in routes],
                )
                rows.add_lines(page["rows"])
                self.observer.advance(page["count"])
        metered = [route for route in routes if route.backend is not Backend.USAGE_RECORDS]
        # An archived meter gets nothing more, and keeps its totals.
        names = sorted({route.event_name for route in metered if route.problem in (None, "meter_inactive")})
        grouping = "day" if window.whole_days else "hour"
        with self.workbench.rows_for("summaries") as rows:
            for customers in self._customers(window, identity):
                wanted = [
                    SummariesWanted(
                        customer, name, int(window.start.timestamp()), int(window.end.timestamp()), grouping
                    )
                    for name in names
                    for customer in customers
                ]
                self.stripe.summaries(wanted, self._counted(rows.add))

    def _read_payouts(self, window: Window) -> None:
        with self.workbench.rows_for("payouts") as rows, self.workbench.rows_for("transactions") as parts:
            self.stripe.payouts(window.start, window.end, self._counted(rows.add), self._counted(parts.add))

    def _customers(self, window: Window, identity: StripeIdentity) -> Iterator[list[str]]:
        """Those of companies, and those that got usage of the window and belong to no company now."""
        after = ""
        receivers = {
            "p_account": identity.account_id,
            "p_livemode": identity.livemode,
            "p_start": window.start.isoformat(),
            "p_end": window.end.isoformat(),
        }
        while (page := self.database.call("billing_reconcile_customers_v2", **receivers, p_after=after))["customers"]:
            yield page["customers"]
            after = page["last"]

    def _counted(self, sink: RowSink) -> RowSink:
        def add(rows: Iterable[Mapping[str, object]]) -> None:
            found = list(rows)
            sink(found)
            self.observer.advance(len(found))

        return add


def _check_source(subject: Subject, source: Source) -> None:
    if source.file and source.report:
        raise BadInput("Give a file or ask for a report, not both.")
    if source.file and subject not in _FILES:
        raise BadInput(
            f"{subject.value} cannot be read from a file.",
            "Leave --stripe-csv out: usage is compared with Stripe's totals, payouts with their own transactions.",
        )
    if source.report and subject is not Subject.PAYMENTS:
        raise BadInput(f"Stripe has no report that {subject.value} are compared with.", "Leave --from-report out.")


def _days(window: Window) -> Iterator[datetime]:
    start = window.start
    while start < window.end:
        yield start
        start += timedelta(days=1)
