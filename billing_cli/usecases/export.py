"""Export: load the facts, plan; and, with an approved plan, settle what is open and send what is new."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchRun
from billing_cli.domain.export import ExportPlan, ExportRequest, plan_export
from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.meter import MeterRoute, MeterRule, refuse_stream, route_meters
from billing_cli.domain.ports import BillingReader, Database
from billing_cli.domain.usage import usage_facts
from billing_cli.usecases.batches import RunEnvironment, run_batch


@dataclass(frozen=True)
class ExportPlanner:
    """Loads the facts of an export and plans it. Reads only. `has_stream`: whether the key may use Stripe's stream."""

    database: Database
    stripe: BillingReader
    meter_rules: dict[str, MeterRule]
    expected_skips: frozenset[str]
    has_stream: bool

    def plan(self, request: ExportRequest) -> ExportPlan:
        identity = self.stripe.identity()
        routes = route_meters(self.stripe.meters(), self.meter_rules, request.backend)
        if not self.has_stream:
            refuse_stream(routes, request.meter)
        arguments = _arguments(request, identity, routes)
        usage = usage_facts(self.database.call("billing_export_preview_v2", **arguments))
        return plan_export(request, identity, routes, usage, self.expected_skips)


def run_export(approved: ApprovedPlan[ExportPlan], run: RunEnvironment) -> list[BatchRun]:
    """Carries out an approved plan: open batches first, then a new one if there is anything new.

    Raises LockHeld if another run is at work, PlanChanged if the facts moved since the plan.
    """
    plan = approved.plan
    runs: list[BatchRun] = []
    for batch in plan.usage.open_batches:
        runs.append(run_batch(batch.batch_id, run))
        if not runs[-1].finished:
            return runs
    if plan.events:
        runs.append(run_batch(_open_batch(plan, run), run))
    return runs


def _open_batch(plan: ExportPlan, run: RunEnvironment) -> str:
    batch_id = f"exp_{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(4)}"
    run.database.call(
        "billing_export_open_v2",
        **_arguments(plan.wanted, plan.identity, plan.routes),
        p_late="hold",
        p_subscriptions=None,
        p_batch_id=batch_id,
        p_lines_hash=plan.usage.lines_hash,
        p_digest=plan.digest,
        p_actor=run.actor,
    )
    return batch_id


def _arguments(request: ExportRequest, identity: StripeIdentity, routes: Sequence[MeterRoute]) -> dict[str, object]:
    return {
        "p_account": identity.account_id,
        "p_livemode": identity.livemode,
        "p_start": request.window.start.isoformat(),
        "p_end": request.window.end.isoformat(),
        "p_meters": [route.document() for route in routes],
        "p_company": request.company,
        "p_meter": request.meter,
        "p_allow_corrections": request.allow_corrections,
        "p_resend": request.resend_rolled_back,
    }
