"""A reason fits the sign of its difference, and the step it advises makes the difference smaller."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from billing_cli.adapters.matching.engine import DuckWorkbench
from billing_cli.domain.reconciliation import REASONS, Coverage, Rules, Subject, Window
from billing_cli.settings import ReconcileConfig

NOW = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=2), NOW)
COVERAGE = Coverage(WINDOW.wide_start, WINDOW.wide_end, WINDOW.wide_start, WINDOW.wide_end)
WORDS = ReconcileConfig().payments
RULES = Rules({}, WORDS.settled, WORDS.pending, WORDS.void)
AT_S = int(WINDOW.start.timestamp()) + 9 * 86_400
FIGURES = range(-3, 5)


@pytest.fixture
def bench() -> Iterator[DuckWorkbench]:
    with closing(DuckWorkbench()) as workbench:
        yield workbench


def judged(bench: DuckWorkbench, subject: Subject) -> dict[str, tuple[str, str]]:
    bench.match(subject, WINDOW, RULES, COVERAGE)
    return {key: (verdict, reason) for key, verdict, reason in named(bench)}


def named(bench: DuckWorkbench) -> Iterator[tuple[str, str, str]]:
    return (
        (row[0].split(" ")[0], row[1], row[2])
        for row in bench._db.execute("select key, verdict, reason from findings").fetchall()
    )


def fill(bench: DuckWorkbench, table: str, found: list[dict[str, object]]) -> None:
    with bench.rows_for(table) as rows:
        rows.add(found)


@dataclass(frozen=True)
class Usage:
    """The total of the usage rows, the accepted part of it, and Stripe's total."""

    ours: int
    accepted: int
    stripe: int

    def exported(self) -> "Usage":
        """An export sends the usage less its accepted part."""
        sent = self.ours - self.accepted
        return Usage(self.ours, self.accepted + sent, self.stripe + sent)

    @property
    def off(self) -> int:
        return abs(self.stripe - self.ours)


def test_usage_is_exported_only_if_that_brings_stripe_nearer(bench: DuckWorkbench) -> None:
    cases = {f"cus_{n}": Usage(*figures) for n, figures in enumerate(product(FIGURES, repeat=3))}
    ours, totals = [], []
    for customer, case in cases.items():
        row = {"disposition": "send", "company_id": "co_1", "meter": "m", "customer_id": customer, "event_name": "m"}
        figures = {"quantity": str(case.ours), "accepted": str(case.accepted), "reserved": "0", "sent_s": AT_S}
        ours.append({**row, **figures, "bucket_s": AT_S, "backend": "meter-events"})
        total = {"customer_id": customer, "event_name": "m", "bucket_s": AT_S, "quantity": str(case.stripe)}
        totals += [total] if case.stripe else []
    fill(bench, "usage", ours)
    fill(bench, "summaries", totals)

    found = judged(bench, Subject.USAGE)
    assert found.keys() == cases.keys()
    for customer, (verdict, reason) in found.items():
        case = cases[customer]
        if reason in ("not_sent", "correction_due"):
            assert case.exported().off < case.off, case
            assert (case.stripe < case.ours) == (reason == "not_sent"), case
        if reason == "not_recorded":
            assert case.exported().off > case.off == 0, case
        if reason == "more_than_sent":
            assert case.stripe > case.accepted, case
        if reason == "not_counted":
            assert case.stripe != case.accepted, case
        assert (verdict == "matched") == (case.ours == case.accepted == case.stripe), case
        assert not reason or reason in REASONS


def test_a_refund_is_missing_on_the_side_that_has_less(bench: DuckWorkbench) -> None:
    cases = {f"pi_{n}": pair for n, pair in enumerate(product(range(0, 900, 100), repeat=2))}
    transactions, payments = [], []
    for payment, (refunded, recorded) in cases.items():
        shape = {"currency": "usd", "created_s": AT_S, "payment_id": payment, "fee_minor": 0}
        for category, amount in (("charge", 1000), ("refund", -refunded)):
            row = {"transaction_id": f"{payment}_{category}", "category": category, "amount_minor": amount}
            transactions += [{**shape, **row, "net_minor": amount}] if amount else []
        here = {"payment_intent_id": payment, "company_id": "co_1", "amount_minor": 1000, "refunded_minor": recorded}
        payments.append({**here, "currency": "usd", "status": "paid", "created_s": AT_S, "asked_for": False})
    fill(bench, "transactions", transactions)
    fill(bench, "payments", payments)

    wanted = {-1: "refund_only_here", 0: "", 1: "refund_missing_here"}
    for payment, (_, reason) in judged(bench, Subject.PAYMENTS).items():
        refunded, recorded = cases[payment]
        assert reason == wanted[(refunded > recorded) - (refunded < recorded)], cases[payment]


def test_an_invoice_differs_by_the_figure_that_differs(bench: DuckWorkbench) -> None:
    cases = {f"in_{n}": pair for n, pair in enumerate(product((900, 1000, 1100), (0, 900, 1000)))}
    stripe, ours = [], []
    for invoice, (total, paid) in cases.items():
        shape = {"invoice_id": invoice, "currency": "usd", "status": "open", "created_s": AT_S}
        stripe.append({**shape, "customer_id": "cus_1", "total_minor": 1000, "paid_minor": 900})
        ours.append({**shape, "company_id": "co_1", "total_minor": total, "paid_minor": paid})
    fill(bench, "stripe_invoices", stripe)
    fill(bench, "invoices", ours)
    for invoice, (_, reason) in judged(bench, Subject.INVOICES).items():
        total, paid = cases[invoice]
        assert reason == ("total" if total != 1000 else "paid" if paid != 900 else "")


def test_what_explains_a_residual_has_its_sign(bench: DuckWorkbench) -> None:
    """With the suspect in the payout, or out of it, the payout is the sum of its transactions."""
    payouts, parts, candidates = [], [], []
    for number, off in enumerate((-300, 300), start=1):
        payout = f"po_{number}"
        shape = {"currency": "usd", "created_s": AT_S, "category": "charge", "fee_minor": 0}
        payouts.append(
            {
                "payout_id": payout,
                "amount_minor": 1000 + off,
                "currency": "usd",
                "status": "paid",
                "automatic": True,
                "reconciliation_status": "completed",
                "created_s": AT_S,
                "arrival_s": AT_S,
            }
        )
        for name, net in (("a", 700), ("b", 300)):
            row = {"transaction_id": f"{payout}_{name}", "payout_id": payout, "amount_minor": net, "net_minor": net}
            parts.append({**shape, **row})
        candidates.append({**shape, "transaction_id": f"lost_{off}", "amount_minor": off, "net_minor": off})
    fill(bench, "payouts", payouts)
    fill(bench, "transactions", parts)
    fill(bench, "candidates", candidates)
    assert set(judged(bench, Subject.PAYOUTS).values()) == {("amount_differs", "residual")}
    for proof in bench.payout_proofs():
        assert proof.suspects
        for suspect in proof.suspects:
            added = suspect.net_minor if suspect.why.startswith("not in") else -suspect.net_minor
            assert proof.residual_minor - added == 0
