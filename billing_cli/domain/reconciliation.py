"""Two sides compared: what a row may turn out to be, and the report whose counts must add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import Fault


class Subject(StrEnum):
    """What is compared."""

    PAYMENTS = "payments"
    INVOICES = "invoices"
    USAGE = "usage"
    PAYOUTS = "payouts"


class Verdict(StrEnum):
    """The one class that a row of either side ends in."""

    MATCHED = "matched"
    AMOUNT = "amount_differs"
    CURRENCY = "currency_differs"
    STATUS = "status_differs"
    ONLY_STRIPE = "only_stripe"
    ONLY_HERE = "only_here"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    IN_FLIGHT = "in_flight"


FINE = frozenset((Verdict.MATCHED, Verdict.IN_FLIGHT))
DIFFERENCES = tuple(verdict for verdict in Verdict if verdict not in FINE)

# What a remainder is called, and what a person can do about it.
REASONS: Mapping[str, str] = {
    "earlier_payment": "money back for a payment from before this window; the payment agrees",
    "nothing_moved": "here as failed or canceled; Stripe moved nothing",
    "within_tolerance": "differs by no more than the tolerance in billing.toml",
    "disputed": "agrees, but the customer's bank has taken the money back for now",
    "partial_capture": "here is what was authorized; Stripe captured less",
    "net_of_fee": "here is what was left after Stripe's fee",
    "settlement_currency": "here is the amount after currency conversion, not what the customer paid",
    "currency": "another currency",
    "captured": "another amount was taken from the customer",
    "refund_missing_here": "Stripe gave back more than is recorded here",
    "refund_only_here": "more is recorded here as given back than Stripe did",
    "failed_refund_came_back": "a refund failed later and its money came back; it still counts here",
    "dispute_counted_as_refund": "the disputed amount is recorded here as given back",
    "settled_at_stripe_only": "Stripe took the money, but it is not recorded here as paid",
    "unknown_status": "a status here that [reconcile.payments] in billing.toml does not list",
    "status": "another status",
    "total": "another total",
    "paid": "another amount paid",
    "no_amount": "the amount is missing here",
    "no_id": "the row here has no id",
    "no_date": "the row here has no date",
    "unknown_here": "no row here",
    "unknown_at_stripe": "Stripe does not have it",
    "refund_of_unknown_payment": "money back for a payment that is not here",
    "draft": "a draft at Stripe; it may still change",
    "pending": "not settled yet",
    "edge": "so close to the edge of what was read that its other half may lie beyond",
    "same_id_again": "the same id once more",
    "not_sent": "usage that was not exported",
    "correction_due": "usage here went down after it was exported, so Stripe counts more; an export takes it back",
    "being_sent": "the export is not done with it, or does not know",
    "summary_lag": "exported a moment ago; Stripe's totals lag",
    "not_counted": "exported and accepted, but Stripe's total lacks it",
    "more_than_sent": "Stripe counts more than was exported from here",
    "not_recorded": "Stripe counts it, and it is not recorded here as sent: an export would send it again",
    "money_not_back": "the payout failed, and its money is neither at the bank nor on the Stripe balance yet",
    "failed_and_came_back": "the payout failed, and its money came back to the Stripe balance, for the next one",
    "residual": "the payout is not the sum of its transactions",
    "payout_in_progress": "Stripe has not finished putting the payout together",
}


@dataclass(frozen=True)
class Window:
    """[start, end), UTC; `edge` is how far beyond it partners are looked for."""

    start: datetime
    end: datetime
    edge: timedelta
    now: datetime

    @property
    def wide_start(self) -> datetime:
        return self.start - self.edge

    @property
    def wide_end(self) -> datetime:
        return min(self.end + self.edge, self.now)

    @property
    def whole_days(self) -> bool:
        return self.start.hour == self.end.hour == 0


@dataclass(frozen=True)
class SummariesWanted:
    """Stripe's totals of a customer and meter over [start_s, end_s), by `grouping`: `hour` or `day`."""

    customer_id: str
    event_name: str
    start_s: int
    end_s: int
    grouping: str


@dataclass(frozen=True)
class Coverage:
    """What was read of each side, [from, until): beyond it nothing can be said to be missing."""

    stripe_from: datetime
    stripe_until: datetime
    ours_from: datetime
    ours_until: datetime


@dataclass(frozen=True)
class Rules:
    """From [reconcile] in billing.toml. `tolerance_minor` by currency; the statuses are the deployment's own words."""

    tolerance_minor: Mapping[str, int] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    void: frozenset[str] = frozenset()
    usage_lag: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Source:
    """Where Stripe's side is read: in its lists, unless a file of Stripe's or a report run is asked for."""

    file: Path | None = None
    report: bool = False

    @property
    def name(self) -> str:
        if self.file:
            return str(self.file)
        return "a report" if self.report else "Stripe's lists"


@dataclass(frozen=True)
class Finding:
    """One item of a comparison. Amounts in minor units of `unit`, or quantities of the meter `unit`.

    `part` is the second figure that was compared: what was refunded of a payment, or paid of an invoice.
    `known_since` is the day on which it was first saved, None where it is new.
    """

    key: str
    verdict: Verdict
    reason: str
    unit: str
    stripe: Decimal | None
    ours: Decimal | None
    stripe_part: Decimal | None
    our_part: Decimal | None
    stripe_status: str | None
    our_status: str | None
    company_id: str | None
    customer_id: str | None
    day: date | None
    known_since: date | None = None


@dataclass(frozen=True)
class Total:
    """Items and rows of one class and reason in one currency (or meter), and their sums."""

    verdict: Verdict
    reason: str
    unit: str
    items: int
    stripe_rows: int
    our_rows: int
    stripe: Decimal
    ours: Decimal


@dataclass(frozen=True)
class DayTotal:
    """How a day went: items that are fine, and items that differ."""

    day: date
    fine: int
    different: int


@dataclass(frozen=True)
class LeftOut:
    """Rows that were read and are no part of this comparison, by name; `side` is `stripe` or `here`."""

    what: str
    side: str
    rows: int
    unit: str
    amount: Decimal


@dataclass(frozen=True)
class ProofLine:
    """What one reporting category added to a payout, in minor units of its currency."""

    category: str
    rows: int
    gross_minor: int
    fee_minor: int
    net_minor: int


@dataclass(frozen=True)
class Suspect:
    """A row that alone would explain a residual."""

    transaction_id: str
    category: str
    net_minor: int
    why: str


@dataclass(frozen=True)
class PayoutProof:
    """An automatic payout opens at nothing, adds up its transactions, pays out, and must close at nothing."""

    payout_id: str
    currency: str
    paid_out_minor: int
    arrival: date
    lines: Sequence[ProofLine]
    suspects: Sequence[Suspect] = ()

    @property
    def residual_minor(self) -> int:
        return self.paid_out_minor - sum(line.net_minor for line in self.lines)


@dataclass(frozen=True)
class Saved:
    """What saved runs knew to be open, beside this run.

    Gone are those in this run's window that do not differ any more, the first of them in `gone`; `elsewhere`
    are those outside of it.
    """

    saved_at: datetime
    new: int
    still_open: int
    gone_items: int
    gone: Sequence[Finding]
    elsewhere: int


@dataclass(frozen=True)
class Report:
    """A comparison, whole. Of `different` items, `findings` are as many as were asked for, the largest first."""

    subject: Subject
    identity: StripeIdentity
    window: Window
    source: str
    stripe_read: int
    ours_read: int
    totals: Sequence[Total]
    days: Sequence[DayTotal]
    left_out: Sequence[LeftOut]
    findings: Sequence[Finding]
    different: int
    proofs: Sequence[PayoutProof] = ()
    saved: Saved | None = None

    def __post_init__(self) -> None:
        """Every row that was read must be somewhere. Raises Fault where the counts do not add up."""
        for side, read, classed in (
            ("stripe", self.stripe_read, sum(total.stripe_rows for total in self.totals)),
            ("here", self.ours_read, sum(total.our_rows for total in self.totals)),
        ):
            out = sum(each.rows for each in self.left_out if each.side == side)
            if read != classed + out:
                raise Fault(
                    f"Rows were lost in the comparison: {read} read ({side}), {classed} classed, {out} left out."
                )

    @property
    def agrees(self) -> bool:
        return self.different == 0
