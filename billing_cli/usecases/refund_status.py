"""Following refunds: Stripe's word beside ours, and writing down what has changed."""

from collections.abc import Sequence

from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.intent import Intent, IntentKind, IntentState
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.domain.refund import RefundFacts, RefundLine, RefundReason, owner
from billing_cli.domain.refund_status import FollowPlan, plan_follow
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.intents import intents_on
from billing_cli.usecases.patience import database_call


def load_refund_status(database: Database, stripe: MoneyReader, company_id: str, payment_id: str) -> FollowPlan:
    """Raises BadInput for a payment of another company."""
    company(database, company_id)
    identity = stripe.identity()
    payment = stripe.payment(payment_id)
    ours = database.call("billing_payments_known_v1", p_payment_intent_ids=[payment_id]).get(payment_id, {})
    customers = companies_by_customer(database, [payment.customer_id] if payment.customer_id else [])
    facts = RefundFacts(payment, tuple(ours.get("company_ids", [])), customers.get(payment.customer_id or ""))
    owner(RefundLine(payment_id, RefundReason.REQUESTED, company_id), facts)
    done = [intent for intent in intents_on(database, payment_id) if intent.state is IntentState.DONE]
    request = {"company_id": company_id, "payment_id": payment_id}
    return plan_follow(identity, payment, stripe.refunds(payment_id), _made_by(done, stripe), request)


def _made_by(intents: Sequence[Intent], stripe: MoneyReader) -> dict[str, Intent]:
    """Our intents by the refunds they made, through a credit note or not."""
    made: dict[str, Intent] = {}
    for intent in intents:
        made_id = intent.stripe_object_id or ""
        refund_ids = stripe.credit_note_refunds(made_id) if intent.kind is IntentKind.CREDIT_NOTE else [made_id]
        made |= dict.fromkeys(refund_ids, intent)
    return made


def note_refund_status(approved: ApprovedPlan[FollowPlan], database: Database, actor: str) -> None:
    """Writes down what Stripe says now; a failed refund takes its adjustment back."""
    plan = approved.plan
    here = {"payment_intent_id": plan.payment.payment_intent_id, "refunded_minor": plan.payment.refunded_minor}
    for intent, refund in plan.to_note:
        database_call(
            database,
            "billing_intent_follow_v1",
            p_intent_id=intent.intent_id,
            p_status=refund.status,
            p_error=refund.failure_reason,
            p_actor=actor,
            p_here=here,
        )
