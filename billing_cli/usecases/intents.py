"""Intents: what is known about them, and carrying out an approved plan of them."""

from collections.abc import Iterable, Mapping, Sequence

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.errors import BadInput, PlanChanged
from billing_cli.domain.intent import Action, Intent, IntentState, new_intent_id
from billing_cli.domain.limits import CommandLimits
from billing_cli.domain.money_plan import Known, MoneyPlan, Wishes, money_plan
from billing_cli.domain.ports import Database, MoneyReader
from billing_cli.domain.standing import changes
from billing_cli.usecases.moving import Moved, MoveEnvironment, carry_out
from billing_cli.usecases.patience import database_call

RESUME = "intents resume"
RESUME_ALL = "intents resume --all"
_MANY = 1_000_000


def known_about(
    database: Database,
    identity: StripeIdentity,
    command: str,
    subjects: Iterable[str],
    source_keys: Iterable[str | None] = (),
) -> Known:
    """What the database has about the subjects and file lines of a plan."""
    document = database.call(
        "billing_intents_about_v1",
        p_account=identity.account_id,
        p_livemode=identity.livemode,
        p_command=command,
        p_subjects=sorted(set(subjects)),
        p_source_keys=sorted({key for key in source_keys if key}),
    )
    return Known([Intent.from_document(intent) for intent in document["intents"]], document["today_minor"])


def marks_of(database: Database, identity: StripeIdentity, objects: Iterable[str]) -> dict[str, str]:
    """Marks of the intents that touch each of these objects of Stripe. Read them before the objects' facts.

    `billing_intents_open_v2` refuses a plan if a mark has changed since.
    """
    document: dict[str, str] = database.call(
        "billing_intents_marks_v1",
        p_account=identity.account_id,
        p_livemode=identity.livemode,
        p_objects=sorted(set(objects)),
    )
    return document


def run_money_plan(run: MoveEnvironment) -> list[Moved]:
    """Writes the new intents down, all or none, then carries out what is open: earlier ones first.

    New statuses of refunds that were done before are written down too.

    Raises PlanChanged if anything that the plan touches has changed since its facts were read, here or in Stripe;
    Refused above a limit.
    """
    plan = run.approved.plan
    for each in plan.wishes.followed:
        note_status(run.database, each.intent, run.actor, each.here)
    ids = [intent.intent_id for intent in plan.settles]
    if plan.actions:
        ids += _open(run)
    return carry_out(ids, run) if ids else []


def _open(run: MoveEnvironment) -> list[str]:
    plan = run.approved.plan
    if len(plan.actions) == 1:
        # Of a file, each line is looked at right before it is sent: one that changed does not stop the others.
        _check_standing(plan.actions[0], run.stripe)
    intents = [_document(action) for action in plan.actions]
    database_call(
        run.database,
        "billing_intents_open_v2",
        p_account=plan.identity.account_id,
        p_livemode=plan.identity.livemode,
        p_command=plan.command,
        p_digest=plan.digest,
        p_actor=run.actor,
        p_intents=intents,
        p_limits=[check.document() for check in plan.checks],
        p_approval_id=run.approved.approval_id,
        p_marks=dict(plan.marks),
    )
    return [str(intent["intent_id"]) for intent in intents]


def _document(action: Action) -> dict[str, object]:
    return {
        "intent_id": new_intent_id(),
        "kind": action.kind.value,
        "company_id": action.company_id,
        "subject": action.subject,
        **action.money.document(),
        "in_favour_of_company": action.in_favour_of_company,
        "request": dict(action.request),
        "reason": action.reason,
        "note": action.note,
        "source_key": action.source_key,
        "touches": list(action.touches),
        "seen": dict(action.seen),
    }


def _check_standing(action: Action, stripe: MoneyReader) -> None:
    """Raises PlanChanged with what does not stand in Stripe as the plan saw it."""
    found = changes(action.seen, stripe.standing(action.kind, action.subject, action.request))
    if found:
        raise PlanChanged(
            "Plan changed: Stripe has changed since this plan was made.\n"
            + "\n".join(f"  {action.subject}: {change}" for change in found),
            "Run it without --confirm to see the new plan.",
        )


def note_status(database: Database, intent: Intent, actor: str, here: Mapping[str, object]) -> None:
    """Writes down the status that a done intent has at Stripe now. Callers hold an ApprovedPlan."""
    database_call(
        database,
        "billing_intent_follow_v1",
        p_intent_id=intent.intent_id,
        p_status=intent.stripe_status,
        p_error=intent.error,
        p_actor=actor,
        p_here=dict(here),
    )


def list_intents(database: Database, state: str | None, company: str | None, limit: int) -> list[Intent]:
    """The latest intents, newest first."""
    rows = database.call("billing_intents_list_v1", p_state=state, p_company_id=company, p_limit=limit)
    return [Intent.from_document(row) for row in rows]


def intents_on(database: Database, subject: str) -> list[Intent]:
    """The intents of one payment, invoice or customer."""
    rows = database.call("billing_intents_list_v1", p_subject=subject, p_limit=1000)
    return [Intent.from_document(row) for row in rows]


def show_intent(database: Database, intent_id: str) -> Intent:
    return Intent.from_document(database.call("billing_intent_show_v1", p_intent_id=intent_id))


def plan_resume(database: Database, stripe: MoneyReader, intent_id: str) -> MoneyPlan:
    """A plan to settle one open intent. Raises BadInput for one of another account or mode."""
    intent = show_intent(database, intent_id)
    identity = stripe.identity()
    _check_account(intent, identity)
    settles: Sequence[Intent] = (intent,) if intent.is_open else ()
    wishes = Wishes(settles=tuple(settles))
    return money_plan(RESUME, {"intent": intent_id}, identity, wishes, Known((), {}), CommandLimits(), {})


def plan_resume_all(database: Database, stripe: MoneyReader) -> MoneyPlan:
    """A plan to settle every open intent of this account and mode, whoever began it, oldest first."""
    identity = stripe.identity()
    found = [i for state in IntentState if state.is_open for i in list_intents(database, state.value, None, _MANY)]
    ours = [i for i in found if (i.stripe_account_id, i.livemode) == (identity.account_id, identity.livemode)]
    settles = tuple(sorted(ours, key=lambda intent: (intent.opened_at, intent.intent_id)))
    return money_plan(RESUME_ALL, {}, identity, Wishes(settles=settles), Known((), {}), CommandLimits(), {})


def _check_account(intent: Intent, identity: StripeIdentity) -> None:
    if (intent.stripe_account_id, intent.livemode) != (identity.account_id, identity.livemode):
        raise BadInput(
            f"Intent {intent.intent_id} belongs to {intent.stripe_account_id} "
            f"({'live' if intent.livemode else 'test'} mode), but the key is for {identity.account_id} "
            f"({'live' if identity.livemode else 'test'} mode).",
            "Use the key of the intent's own account.",
        )
