"""Following refunds: their status at Stripe beside ours, and writing down what has changed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from billing_cli.domain.gate import ApprovedPlan
from billing_cli.domain.intent import Intent, IntentKind, IntentState
from billing_cli.domain.movement import VOID
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.domain.refund import CHARGES, RefundFacts, RefundLine, RefundReason, owner
from billing_cli.domain.refund_status import FollowPlan, plan_follow
from billing_cli.usecases.companies import companies_by_customer, company
from billing_cli.usecases.intents import intents_on, note_status
from billing_cli.usecases.moving import WORKERS


def load_refund_status(database: Database, stripe: MoneyReader, company_id: str, payment_id: str) -> FollowPlan:
    """Of a payment, or of the payment of a charge. Raises BadInput for a payment of another company."""
    company(database, company_id)
    identity = stripe.identity()
    if payment_id.startswith(CHARGES):
        payment_id = stripe.payment_of_charge(payment_id)
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
        made |= dict.fromkeys(_refund_ids(intent, stripe), intent)
    return made


def _refund_ids(intent: Intent, stripe: MoneyReader) -> list[str]:
    made_id = intent.stripe_object_id or ""
    return stripe.credit_note_refunds(made_id) if intent.kind is IntentKind.CREDIT_NOTE else [made_id]


def as_they_are_now(intents: Sequence[Intent], stripe: MoneyReader) -> list[Intent]:
    """Done refunds with the status that they have at Stripe now, and why they failed; read side by side."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda intent: _as_it_is_now(intent, stripe), intents))


def _as_it_is_now(intent: Intent, stripe: MoneyReader) -> Intent:
    refund_ids = [] if intent.stripe_status == VOID else _refund_ids(intent, stripe)
    if not refund_ids:
        return intent
    refund = stripe.refund(refund_ids[0])
    return replace(intent, stripe_status=refund.status, error=refund.trouble)


def note_refund_status(approved: ApprovedPlan[FollowPlan], database: Database, actor: str) -> None:
    """Writes down what Stripe says now; a failed refund takes its adjustment back."""
    plan = approved.plan
    here = {"payment_intent_id": plan.payment.payment_intent_id, "refunded_minor": plan.payment.refunded_minor}
    for intent, refund in plan.to_note:
        now = replace(intent, stripe_status=refund.status, error=refund.trouble)
        note_status(database, now, actor, here)
