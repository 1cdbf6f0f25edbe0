"""A month of payments beside Stripe's: most agree, three do not."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing_cli.domain.reconciliation import DayTotal, Finding, LeftOut, Report, Subject, Total, Verdict, Window
from examples import TEST

WINDOW = Window(
    datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=3),
    datetime(2026, 11, 3, tzinfo=UTC),
)  # fmt: skip


def report() -> Report:
    findings = (
        _finding("pi_3QabcdefghijklmnopqrstuvW", Verdict.AMOUNT, "refund_missing_here", 119_900, 129_900, "co_0001"),
        _finding("pi_3QzyxwvutsrqponmlkjihgfeZ", Verdict.ONLY_STRIPE, "unknown_here", 4_200, None, None),
        _finding("pi_3QmlkjihgfedcbaZYXWVUTSrq", Verdict.STATUS, "settled_at_stripe_only", 990, 990, "co_0417"),
    )
    totals = (
        Total(Verdict.MATCHED, "", "usd", 4_812, 4_812, 4_812, Decimal(48_120_455), Decimal(48_120_455)),
        *(
            Total(
                f.verdict, f.reason, f.unit, 1, 1, int(f.ours is not None), f.stripe or Decimal(0), f.ours or Decimal(0)
            )
            for f in findings
        ),
        Total(Verdict.IN_FLIGHT, "pending", "usd", 2, 2, 2, Decimal(9_900), Decimal(9_900)),
    )
    return Report(
        Subject.PAYMENTS, TEST, WINDOW, "Stripe's lists", 4_817, 4_821, totals,
        [DayTotal(date(2026, 10, 12), 150, 3)],
        [LeftOut("payments that failed", "here", 5, "usd", Decimal(31_000))], findings, 3,
    )  # fmt: skip


def _finding(
    key: str, verdict: Verdict, reason: str, stripe: int | None, ours: int | None, company: str | None
) -> Finding:
    here = "pending" if verdict is Verdict.STATUS else None
    at_stripe, ours_minor = (None if amount is None else Decimal(amount) for amount in (stripe, ours))
    return Finding(
        key, verdict, reason, "usd", at_stripe, ours_minor, None, None, "succeeded", here, company,
        "cus_RtQ8dDUq3ZbNvW", date(2026, 10, 12),
    )  # fmt: skip
