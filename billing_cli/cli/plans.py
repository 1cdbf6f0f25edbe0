"""`billing plans`: which prices a plan has, and whether Stripe has them."""

import typer

from billing_cli.cli.help import CommandGroup
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.session import open_session
from billing_cli.cli.state import state_of

plans_app = CommandGroup("Show the prices of each plan, and check them against Stripe.")


@plans_app.command("list")
def list_plans(ctx: typer.Context) -> int:
    """List the prices of each plan, and where that is said. Asks nobody.

    Writes: nothing
    Needs: nothing

    Examples:
    billing plans list
    billing --json plans list
    """
    from billing_cli.render.plans import plans_document, render_plans

    state = state_of(ctx)
    plans = state.settings().priced_plans()
    state.emit("plans", plans_document(plans), render_plans(plans))
    return 0


@plans_app.command()
def check(ctx: typer.Context) -> int:
    """Ask Stripe for every price, and the database for plans that have none; exit 3 where something is wrong.

    Writes: nothing
    Needs: Stripe key, database

    Examples:
    billing plans check
    billing --json plans check
    """
    from billing_cli import wiring
    from billing_cli.render.plans import CheckedPlansView, checked_plans_document
    from billing_cli.usecases.plans import check_plans

    with open_session(ctx) as session:
        settings = session.settings
        plans, reader = settings.priced_plans(), wiring.price_reader(settings)
        checked = check_plans(session.database, reader, plans, wiring.record_prices(settings))
    session.state.emit("plans-check", checked_plans_document(checked), CheckedPlansView(checked))
    return EXIT_FOUND_WRONG if checked.faults else 0
