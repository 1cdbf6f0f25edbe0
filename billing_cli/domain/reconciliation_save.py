"""A comparison that is kept, so that the next one can tell what is new, still open, and gone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import digest_of
from billing_cli.domain.reconciliation import Report

COMMAND = "reconcile"
# One transaction and one HTTP body. A list this long is not worked through by hand.
_MOST = 20_000


@dataclass(frozen=True)
class SavePlan:
    """The differences of `report`, all of them, as the database takes them."""

    report: Report
    differences: tuple[Mapping[str, Any], ...]
    request: Mapping[str, object]
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = COMMAND
    # A run without differences is kept too: it closes those that were open.
    empty: bool = False

    @property
    def identity(self) -> StripeIdentity:
        return self.report.identity


def plan_save(report: Report, differences: Iterable[Mapping[str, Any]], request: Mapping[str, object]) -> SavePlan:
    """Raises BadInput for more differences than are kept."""
    if report.different > _MOST:
        raise BadInput(
            f"{report.different:,} differences are too many to save; {_MOST:,} are the most.",
            "Compare a shorter window, or look first at why so much differs: --out differences.html",
        )
    kept = tuple(differences)
    window = report.window
    changes = {
        "subject": report.subject.value,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "differences": kept,
    }
    return SavePlan(report, kept, request, changes, digest_of(COMMAND, report.identity, changes))


def run_document(plan: SavePlan) -> dict[str, object]:
    """The run as the database keeps it."""
    report = plan.report
    return {
        "subject": report.subject.value,
        "account": report.identity.account_id,
        "livemode": report.identity.livemode,
        "start": report.window.start.isoformat(),
        "end": report.window.end.isoformat(),
        "source": report.source,
        "rows_stripe": report.stripe_read,
        "rows_here": report.ours_read,
        "digest": plan.digest,
    }
