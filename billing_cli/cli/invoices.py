"""`billing invoices`: what was invoiced, and marking an invoice as paid outside of Stripe."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.help import CommandGroup
from billing_cli.cli.money import MoneyCommand
from billing_cli.cli.options import Company, Confirm, Expect, PlanOut, SignKey, WriteOptions, newest_first
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.errors import BadInput
from billing_cli.domain.invoice import InvoiceStatus

invoices_app = CommandGroup("List invoices; mark one as paid outside of Stripe.")


@invoices_app.command("list")
def list_invoices(
    ctx: typer.Context,
    company: Annotated[
        str | None,
        typer.Argument(metavar="COMPANY", help="All companies if left out.", autocompletion=ids("companies")),
    ] = None,
    status: Annotated[InvoiceStatus | None, typer.Option(help="Only invoices with this status in Stripe.")] = None,
    limit: Annotated[int, newest_first(10_000)] = 20,
) -> int:
    """List invoices in Stripe, beside what billing_invoices says.

    Writes: nothing
    Needs: Stripe key, database

    Examples:
    billing invoices list co_0001 --status open
    billing invoices list --limit 100
    """
    from billing_cli import wiring
    from billing_cli.render.invoices import InvoicesView, invoices_document
    from billing_cli.usecases.invoices import list_invoices as load

    with open_session(ctx) as session:
        stripe = wiring.money_reader(session.settings)
        found = load(session.database, stripe, company, status.value if status else None, limit)
    session.state.emit("invoices", invoices_document(found), InvoicesView(found, len(found) == limit))
    return 0


@invoices_app.command("mark-paid")
def mark_paid(
    ctx: typer.Context,
    company: Company,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="in_…", autocompletion=ids("invoices"))],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="How it was paid; kept in the database.")],
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Mark an invoice as paid outside of Stripe, first there and then here.

    Without --confirm it only shows what it would do.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing invoices mark-paid co_0001 in_seed_0001_2 --reason "Wire transfer of 3 November"
    LIVE=true billing invoices mark-paid co_0001 in_seed_0001_2 --reason "Wire transfer of 3 November" --confirm
    """
    if not reason.strip():
        raise BadInput("This needs a reason.", 'For example: --reason "Wire transfer of 3 November"')
    words = ["invoices", "mark-paid", company, invoice, "--reason", reason]
    with open_session(ctx) as session:
        command = mark_paid_from(session, {"company_id": company, "invoice_id": invoice, "reason": reason}, words)
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


def mark_paid_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command; also that of a plan file."""
    from billing_cli import wiring

    planner = wiring.mark_paid_planner(session.settings, session.database)
    return MoneyCommand(session, "invoice-mark-paid", words, lambda: planner.plan(**request))
