"""Ours beside Stripe's: both sides are read, judged row by row, and counted. A run is kept only on demand."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.ports import Database, Workbench
from billing_cli.domain.reconciliation import DIFFERENCES, Report, Rules, Source, Subject, Window
from billing_cli.domain.reconciliation_save import SavePlan, run_document
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.reconcile_sides import Sides


@dataclass(frozen=True)
class Reconciler:
    """Both sides and the place where they meet. `workbench` is used once."""

    sides: Sides
    workbench: Workbench
    rules: Rules

    def run(self, subject: Subject, window: Window, source: Source, shown: int) -> Report:
        """Raises BadInput for a file of another kind, Unavailable where a side cannot be read whole."""
        bench, sides = self.workbench, self.sides
        identity = sides.stripe.identity()
        coverage = sides.read(subject, window, source, identity)
        sides.read_saved(subject, identity)
        bench.match(subject, window, self.rules, coverage)
        totals = bench.totals()
        different = sum(total.items for total in totals if total.verdict in DIFFERENCES)
        if subject is Subject.PAYOUTS and different:
            sides.read_suspects(window)
        stripe_read, ours_read = bench.read_counts(subject)
        return Report(
            subject=subject,
            identity=identity,
            window=window,
            source=source.name,
            stripe_read=stripe_read,
            ours_read=ours_read,
            totals=totals,
            days=bench.days(),
            left_out=bench.left_out(),
            findings=list(bench.findings(shown)),
            different=different,
            proofs=bench.payout_proofs() if subject is Subject.PAYOUTS else (),
            saved=bench.saved(shown),
        )


def save_run(approved: ApprovedPlan[SavePlan], database: Database, actor: str) -> Mapping[str, Any]:
    """Keeps the run in one transaction; saved twice, it is two runs that found the same."""
    plan = approved.plan
    document = {**run_document(plan), "save_key": secrets.token_hex(12)}
    return database_call(
        database, "billing_reconcile_save_v1", p_run=document, p_differences=list(plan.differences), p_actor=actor
    )
