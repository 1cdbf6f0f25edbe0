"""The export's plan: usage minus what was sent, with every row accounted for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.billing_period import UNASKED, Billing
from billing_cli.domain.errors import BadInput, Fault
from billing_cli.domain.export_warning import ExportWarning, export_warnings, sent_now
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.meter import Backend, MeterRoute
from billing_cli.domain.period import Window
from billing_cli.domain.plan import digest_of
from billing_cli.domain.quantity import plain
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.domain.usage import UsageFacts, UsageLine


@dataclass(frozen=True)
class ExportRequest:
    """What the operator asked for; `company` and `meter` narrow it down. `backend` is for meter events only."""

    window: Window
    company: str | None = None
    meter: str | None = None
    allow_corrections: bool = False
    resend_rolled_back: bool = False
    backend: Backend | None = None

    def document(self) -> dict[str, object]:
        return {
            "start": self.window.start.isoformat(),
            "end": self.window.end.isoformat(),
            "company": self.company,
            "meter": self.meter,
            "allow_corrections": self.allow_corrections,
            "resend_rolled_back": self.resend_rolled_back,
            "backend": self.backend.value if self.backend else None,
        }


@dataclass(frozen=True)
class Alarm:
    """When an export exits 3: skip reasons that do not count, and codes of warnings that do."""

    expected_skips: frozenset[str] = frozenset()
    fail_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ExportPlan:
    """Everything an export would do, and everything it would not, with the reason.

    `to_mend` are skip reasons and `failing` codes of warnings for which the exit code is 3.
    """

    wanted: ExportRequest
    identity: StripeIdentity
    routes: tuple[MeterRoute, ...]
    usage: UsageFacts
    warnings: tuple[ExportWarning, ...]
    to_mend: tuple[str, ...]
    failing: tuple[str, ...]
    changes: Mapping[str, object]
    digest: str
    billing: Billing
    demands: Demands = NO_DEMANDS
    command: str = "export"

    @property
    def alarming(self) -> bool:
        """Whether a person has to look, however well everything is sent."""
        return bool(self.to_mend or self.failing)

    @property
    def rows_to_mend(self) -> int:
        """Usage rows that were skipped for a reason that is not expected."""
        return sum(skipped.usage_rows for skipped in self.usage.skipped if skipped.reason in self.to_mend)

    @property
    def totals_to_mend(self) -> int:
        """Hourly totals that changed without a new row and were not sent, for a reason that is not expected."""
        return sum(s.buckets for s in self.usage.skipped if s.reason in self.to_mend and not s.usage_rows)

    @property
    def request(self) -> Mapping[str, object]:
        return self.wanted.document()

    @property
    def empty(self) -> bool:
        return not self.events and not self.usage.open_batches

    @property
    def events(self) -> int:
        """Meter events to send: one per Stripe customer, event name and hour."""
        return sum(line.buckets for line in self.usage.lines)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """How each meter's events go, of those that have any."""
        by_event_name = {route.event_name: route.backend for route in self.routes}
        return {line.meter: by_event_name[line.event_name] for line in self.usage.lines if line.buckets}

    @property
    def sent_rows(self) -> int:
        return sum(line.sent_rows for line in self.usage.lines) + sum(s.sent_rows for s in self.usage.skipped)

    @property
    def new_rows(self) -> int:
        return sum(line.new_rows for line in self.usage.lines)

    @property
    def skipped_rows(self) -> int:
        return sum(skipped.usage_rows for skipped in self.usage.skipped)


def plan_export(
    request: ExportRequest,
    identity: StripeIdentity,
    routes: list[MeterRoute],
    usage: UsageFacts,
    alarm: Alarm,
    billing: Billing = UNASKED,
) -> ExportPlan:
    """The plan that follows from the facts.

    Raises BadInput for an unknown company or meter or a window in the future, and
    Fault if a usage row were lost on the way.
    """
    _check_known(request, routes, usage)
    usage = replace(usage, lines=tuple(_with_unbilled(line, billing) for line in usage.lines))
    changes = _changes(request, usage)
    warnings = tuple(export_warnings(routes, usage))
    plan = ExportPlan(
        wanted=request,
        identity=identity,
        routes=tuple(routes),
        usage=usage,
        warnings=warnings,
        to_mend=tuple(
            s.reason for s in usage.skipped if SKIP_REASONS[s.reason].mend and s.reason not in alarm.expected_skips
        ),
        failing=tuple(dict.fromkeys(w.code for w in warnings if w.code in alarm.fail_on)),
        changes=changes,
        digest=digest_of("export", identity, changes),
        billing=billing,
    )
    _check_balance(plan)
    return plan


def _check_known(request: ExportRequest, routes: list[MeterRoute], usage: UsageFacts) -> None:
    if request.window.end > usage.now:
        raise BadInput(
            f"The window ends in the future: the database's clock says {usage.now:%Y-%m-%d %H:%M}Z.",
            "This machine's clock differs from it; set the clock right, or name an earlier end.",
        )
    if not usage.company_known:
        raise BadInput(f"There is no company {request.company!r}.", "Check the id in billing_companies.")
    if request.meter is not None and all(route.meter != request.meter for route in routes):
        known = ", ".join(route.meter for route in routes if route.meter) or "none"
        raise BadInput(f"There is no meter {request.meter!r} in Stripe or billing.toml.", f"Known meters: {known}.")


def _with_unbilled(line: UsageLine, billing: Billing) -> UsageLine:
    """Without any subscription, nothing of it is billed; the database knows those that begin or end."""
    if line.event_name not in billing.asked or (line.stripe_customer_id, line.event_name) in billing.subscribed:
        return line
    return replace(line, unbilled=sent_now(line))


def _changes(request: ExportRequest, usage: UsageFacts) -> Mapping[str, object]:
    return {
        **request.document(),
        "lines": usage.lines_hash,
        # So that a difference can be named; the hash alone would only say that there is one.
        "to_send": {f"{line.stripe_customer_id} {line.event_name}": plain(sent_now(line)) for line in usage.lines},
        "resumes": {batch.batch_id: batch.left for batch in usage.open_batches},
    }


def _check_balance(plan: ExportPlan) -> None:
    """Rows in = to send + already sent + skipped, and quantity = sent + to send + held back."""
    accounted = plan.new_rows + plan.sent_rows + plan.skipped_rows
    held_rows = sum(line.usage_rows - line.sent_rows - line.new_rows for line in plan.usage.lines)
    skipped_here = sum(s.usage_rows + s.sent_rows for s in plan.usage.skipped if s.reason in ("correction", "moved"))
    if accounted != plan.usage.window_rows or held_rows != skipped_here:
        raise Fault(
            f"The plan does not add up: {plan.usage.window_rows} usage rows in the window, {accounted} accounted for.",
            "Nothing was sent. Please report this with the output of --json.",
        )
