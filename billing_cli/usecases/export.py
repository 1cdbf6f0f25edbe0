"""Export: load the facts, plan; and, with an approved plan, settle what is open and send what is new."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchRun
from billing_cli.domain.billing_period import Billing, LateUsage, open_periods
from billing_cli.domain.errors import PlanChanged
from billing_cli.domain.export import Alarm, ExportPlan, ExportRequest, plan_export
from billing_cli.domain.limits import Demands
from billing_cli.domain.meter import Backend, MeterRoute, MeterRule, refuse_stream, route_meters
from billing_cli.domain.ports import BillingReader, Database, LedgerReader, SubscriptionReader
from billing_cli.domain.usage import usage_facts
from billing_cli.usecases.batches import list_batches, run_batch
from billing_cli.usecases.environment import RunEnvironment
from billing_cli.usecases.patience import database_call
from billing_cli.usecases.surplus import find_surplus

# The newest batches; the one that was opened a moment ago is among them.
_LOOKED_AT = 5


@dataclass(frozen=True)
class ExportPlanner:
    """Loads the facts of an export and plans it. Reads only. `has_stream`: whether the key may use Stripe's stream."""

    database: Database
    stripe: BillingReader
    subscriptions: SubscriptionReader
    ledger: LedgerReader
    meter_rules: dict[str, MeterRule]
    alarm: Alarm
    late_usage: LateUsage
    has_stream: bool

    def plan(self, request: ExportRequest) -> ExportPlan:
        identity = self.stripe.identity()
        routes = route_meters(self.stripe.meters(), self.meter_rules, request.backend)
        if not self.has_stream:
            refuse_stream(routes, request.meter)
        billing = self._billing(request, identity, routes)
        arguments = _arguments(request, identity, routes, billing)
        usage = usage_facts(self.database.call("billing_export_preview_v3", **arguments))
        plan = plan_export(request, identity, routes, usage, self.alarm, billing)
        surplus = find_surplus(self.database, self.ledger, identity, request.window, routes, usage)
        return replace(plan, demands=Demands(refusal=surplus.message, found_wrong=surplus)) if surplus else plan

    def _billing(self, request: ExportRequest, identity: StripeIdentity, routes: Sequence[MeterRoute]) -> Billing:
        """Of meters whose late usage is sent as it is, only where usage records need their subscription item."""
        asked = [
            route
            for route in routes
            if route.problem is None
            and (self.late_usage is not LateUsage.SEND or route.backend is Backend.USAGE_RECORDS)
        ]
        if not asked:
            return Billing(self.late_usage)
        customers = self.database.call("billing_export_customers_v2", **_receivers(request, identity, routes))
        items = self.subscriptions.items(asked, customers, request.window.start)
        return Billing(self.late_usage, frozenset(route.event_name for route in asked), tuple(open_periods(items)))


def run_export(run: RunEnvironment[ExportPlan]) -> list[BatchRun]:
    """Carries the plan out: open batches first, then a new one if there is anything new.

    Raises LockHeld if another run is at work, PlanChanged if the facts moved since the plan.
    """
    plan = run.approved.plan
    runs: list[BatchRun] = []
    for batch in plan.usage.open_batches:
        runs.append(run_batch(batch.batch_id, run))
        if not runs[-1].finished:
            return runs
    if plan.events:
        runs.append(run_batch(_open_or_join(run), run))
    return runs


def _open_or_join(run: RunEnvironment[ExportPlan]) -> str:
    """A new batch; or the one that the same plan became elsewhere in the meantime, where batches are shared."""
    try:
        return _open_batch(run)
    except PlanChanged:
        digest = run.approved.plan.digest
        same = [batch.batch_id for batch in list_batches(run.database, _LOOKED_AT) if batch.digest == digest]
        if not run.shares or not same:
            raise
        return same[0]


def _open_batch(run: RunEnvironment[ExportPlan]) -> str:
    plan = run.approved.plan
    batch_id = f"exp_{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(4)}"
    database_call(
        run.database,
        "billing_export_open_v3",
        **_arguments(plan.wanted, plan.identity, plan.routes, plan.billing),
        p_batch_id=batch_id,
        p_lines_hash=plan.usage.lines_hash,
        p_digest=plan.digest,
        p_actor=run.actor,
    )
    return batch_id


def _arguments(
    request: ExportRequest, identity: StripeIdentity, routes: Sequence[MeterRoute], billing: Billing
) -> dict[str, object]:
    records = frozenset(route.event_name for route in routes if route.backend is Backend.USAGE_RECORDS)
    return {
        **_receivers(request, identity, routes),
        "p_allow_corrections": request.allow_corrections,
        "p_resend": request.resend_rolled_back,
        "p_late": billing.late_usage.value,
        "p_subscriptions": billing.document(request.window, records),
    }


def _receivers(request: ExportRequest, identity: StripeIdentity, routes: Sequence[MeterRoute]) -> dict[str, object]:
    """The receivers and the window of a request."""
    return {
        "p_account": identity.account_id,
        "p_livemode": identity.livemode,
        "p_start": request.window.start.isoformat(),
        "p_end": request.window.end.isoformat(),
        "p_meters": [route.document() for route in routes],
        "p_company": request.company,
        "p_meter": request.meter,
    }
