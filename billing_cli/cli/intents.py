"""`billing intents`: refunds and adjustments that were begun, and finishing those that were interrupted."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.help import CommandGroup
from billing_cli.cli.money import MoneyCommand
from billing_cli.cli.options import Confirm, Expect, OnlyCompany, PlanOut, SignKey, WriteOptions, newest_first
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.errors import BadInput
from billing_cli.domain.intent import IntentState

IntentId = Annotated[
    str, typer.Argument(metavar="INTENT", help="int_…; billing intents list has them.", autocompletion=ids("intents"))
]
intents_app = CommandGroup("Look at refunds, charges and credits that were begun; finish them.")


@intents_app.command("list")
def list_intents(
    ctx: typer.Context,
    state: Annotated[IntentState | None, typer.Option(help="Only intents in this state.")] = None,
    company: OnlyCompany = None,
    limit: Annotated[int, newest_first(10_000)] = 20,
) -> int:
    """List the latest refunds, charges and credits, and what became of them.

    Writes: nothing
    Needs: database

    Examples:
    billing intents list --state sending
    billing intents list --company co_0001 --limit 100
    """
    from billing_cli.render.intents import IntentsView, intent_document
    from billing_cli.usecases.intents import list_intents as load

    with open_session(ctx) as session:
        found = load(session.database, state.value if state else None, company, limit)
    session.state.emit("intents", {"intents": [intent_document(i) for i in found]}, IntentsView(found))
    return 0


@intents_app.command()
def show(ctx: typer.Context, intent: IntentId) -> int:
    """Show one intent: who began it, under which key, what Stripe answered.

    Writes: nothing
    Needs: database

    Examples:
    billing intents show int_20261124_042159_da49265ad121d756
    billing --json intents show int_20261124_042159_da49265ad121d756
    """
    from billing_cli.render.intents import intent_document, next_commands, render_intent
    from billing_cli.usecases.intents import show_intent

    with open_session(ctx) as session:
        found = show_intent(session.database, intent)
    next_steps = session.state.next_steps(next_commands([found]))
    session.state.emit("intent", {"intent": intent_document(found)}, render_intent(found), next_steps)
    return 0


@intents_app.command()
def resume(
    ctx: typer.Context,
    intent: Annotated[
        str | None,
        typer.Argument(metavar="INTENT", help="int_…; billing intents list has them.", autocompletion=ids("intents")),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open one, whoever began it.")] = False,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Finish an intent that was interrupted, or all of them, under the keys they have.

    Without --confirm it only shows what is left to do. With --all it finishes a file of refunds, too, without the file.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing intents resume int_20261124_042159_da49265ad121d756
    LIVE=true billing intents resume int_20261124_042159_da49265ad121d756 --confirm
    LIVE=true billing intents resume --all --confirm
    """
    with open_session(ctx) as session:
        if every == (intent is not None):
            raise BadInput("Give one intent, or --all.", "See: billing intents list --state sending")
        words = ["intents", "resume", intent or "--all"]
        command = (
            resume_intents_from(session, {}, words) if every else resume_intent_from(session, {"intent": intent}, words)
        )
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


def resume_intent_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command; also that of a plan file."""
    from billing_cli import wiring
    from billing_cli.usecases.intents import plan_resume

    reader = wiring.money_reader(session.settings)
    return MoneyCommand(
        session, "intent-resume", words, lambda: plan_resume(session.database, reader, request["intent"])
    )


def resume_intents_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command that finishes all; also that of a plan file."""
    from billing_cli import wiring
    from billing_cli.usecases.intents import plan_resume_all

    reader = wiring.money_reader(session.settings)
    return MoneyCommand(
        session, "intent-resume", words, lambda: plan_resume_all(session.database, reader), finishes_many=True
    )
