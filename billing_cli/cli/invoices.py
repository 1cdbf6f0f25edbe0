"""`billing invoices`: what was invoiced, and changing the state of an invoice by hand."""

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
from billing_cli.domain.invoice_change import MARK_PAID, MARK_UNCOLLECTIBLE, VOID_INVOICE, InvoiceChange

InvoiceId = Annotated[str, typer.Argument(metavar="INVOICE", help="in_…", autocompletion=ids("invoices"))]
invoices_app = CommandGroup("List invoices; mark one as paid outside of Stripe, void it, or write it off.")


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
    invoice: InvoiceId,
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
    options = WriteOptions(confirm, expect, plan_out, sign_key)
    return _change(ctx, MARK_PAID, company, invoice, reason, "Wire transfer of 3 November", options)


@invoices_app.command("void")
def void(
    ctx: typer.Context,
    company: Company,
    invoice: InvoiceId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is not owed; kept in the database.")],
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Void an invoice that is not owed any more, first in Stripe and then here.

    It keeps its number, and Stripe opens it no more. What it took from the customer's balance or credit grants goes
    back there. Without --confirm it only shows what it would do.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing invoices void co_0001 in_seed_0001_2 --reason "Billed by mistake on 3 November"
    LIVE=true billing invoices void co_0001 in_seed_0001_2 --reason "Billed by mistake on 3 November" --confirm
    """
    options = WriteOptions(confirm, expect, plan_out, sign_key)
    return _change(ctx, VOID_INVOICE, company, invoice, reason, "Billed by mistake on 3 November", options)


@invoices_app.command("mark-uncollectible")
def mark_uncollectible(
    ctx: typer.Context,
    company: Company,
    invoice: InvoiceId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is written off; kept in the database.")],
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Write an invoice off as bad debt, first in Stripe and then here.

    It is still owed: Stripe stops collecting it, and it may be paid later. Without --confirm it only shows what it
    would do.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing invoices mark-uncollectible co_0001 in_seed_0001_2 --reason "Insolvent since 3 November"
    LIVE=true billing invoices mark-uncollectible co_0001 in_seed_0001_2 --reason "Insolvent since 3 November" --confirm
    """
    options = WriteOptions(confirm, expect, plan_out, sign_key)
    return _change(ctx, MARK_UNCOLLECTIBLE, company, invoice, reason, "Insolvent since 3 November", options)


def _change(
    ctx: typer.Context,
    change: InvoiceChange,
    company: str,
    invoice: str,
    reason: str,
    example: str,
    options: WriteOptions,
) -> int:
    if not reason.strip():
        raise BadInput("This needs a reason.", f'For example: --reason "{example}"')
    words = [*change.command.split(), company, invoice, "--reason", reason]
    with open_session(ctx) as session:
        request = {"company_id": company, "invoice_id": invoice, "reason": reason}
        return carry_out(session, _command(session, change, request, words), options)


def mark_paid_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command of a plan file."""
    return _command(session, MARK_PAID, request, words)


def void_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command of a plan file."""
    return _command(session, VOID_INVOICE, request, words)


def mark_uncollectible_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command of a plan file."""
    return _command(session, MARK_UNCOLLECTIBLE, request, words)


def _command(session: Session, change: InvoiceChange, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    from billing_cli import wiring

    planner = wiring.invoice_planner(session.settings, session.database, change)
    noun = f"invoice-{change.command.removeprefix('invoices ')}"
    return MoneyCommand(session, noun, words, lambda: planner.plan(**request))
