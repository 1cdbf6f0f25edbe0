"""The refunds of a payment as Stripe has them now."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from billing_cli.domain.gate import Gates
from billing_cli.domain.money import Money
from billing_cli.domain.refund_status import FollowPlan, RefundStatus
from billing_cli.render.columns import Columns
from billing_cli.render.gates import gates_document, render_gates, render_identity
from billing_cli.render.money import shown

_STYLES = {"succeeded": "green", "failed": "bold red", "canceled": "red"}


@dataclass(frozen=True)
class RefundStatusView:
    """Every refund, ours or not, and what would be written down."""

    plan: FollowPlan
    gates: Gates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        payment = self.plan.payment
        yield Text.assemble(("Refunds of ", "dim"), (payment.payment_intent_id, "bold"))
        yield render_identity(self.plan.identity)
        refunded = Money(payment.refunded_minor, payment.currency)
        yield Text(f"{shown(refunded)} of {shown(Money(payment.captured_minor, payment.currency))} refunded")
        table = Columns()
        for name in ("refund", "status", "here"):
            table.add_column(name)
        table.add_column("amount", justify="right")
        for row in self.plan.rows:
            table.add_row(row.refund.refund_id, _status(row), _here(row), shown(row.refund.money))
        yield table if table.row_count else Text("There are no refunds.")
        if self.plan.any_failed:
            yield Text("A failed refund is back on the Stripe balance: give the money another way.", "bold red")
        for trouble in sorted({row.refund.trouble for row in self.plan.rows if row.waits and row.refund.trouble}):
            yield Text(trouble[0].upper() + trouble[1:], "bold yellow")
        if self.plan.empty:
            yield Text("Nothing has changed since it was written down.", "green")
        else:
            yield render_gates(self.plan, self.gates)


def _status(row: RefundStatus) -> Text:
    text = Text(row.refund.status, _STYLES.get(row.refund.status, "yellow"))
    reason = row.refund.failure_reason or row.refund.pending_reason
    return text.append(f"\n{reason}") if reason else text


def _here(row: RefundStatus) -> Text:
    if row.intent is None:
        return Text("made elsewhere", "dim")
    return Text(row.intent.stripe_status or "-", "bold yellow" if row.changed else "")


def refund_status_document(plan: FollowPlan, gates: Gates) -> dict[str, object]:
    return {
        **gates_document(plan, gates),
        "payment_intent_id": plan.payment.payment_intent_id,
        "refunds": [
            {
                "refund_id": row.refund.refund_id,
                "amount": row.refund.money.document(),
                "status": row.refund.status,
                "failure_reason": row.refund.failure_reason,
                "created_at": row.refund.created_at,
                "intent_id": row.intent.intent_id if row.intent else None,
                "status_here": row.intent.stripe_status if row.intent else None,
                "pending_reason": row.refund.pending_reason,
            }
            for row in plan.rows
        ],
    }
