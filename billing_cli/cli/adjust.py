"""`billing adjust`: a manual charge or credit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.money import MoneyCommand
from billing_cli.cli.options import Company, Confirm, Expect, PlanOut, SignKey, WriteOptions
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.adjustment import AdjustRequest, Direction, Instrument
from billing_cli.domain.credit_grant import PLAIN_TERMS, grant_terms, terms_of
from billing_cli.domain.errors import BadInput
from billing_cli.domain.money import Money, checked, currency_code, major, parse_major


def adjust(
    ctx: typer.Context,
    company: Company,
    direction: Annotated[
        Direction, typer.Argument(metavar="charge|credit", help="What the customer owes more or less.")
    ],
    amount: Annotated[str, typer.Option(metavar="12.50", help="In major units.")],
    currency: Annotated[str, typer.Option(metavar="usd", help="Three letters.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the customer sees it on the invoice.")],
    instrument: Annotated[
        Instrument | None, typer.Option("--as", help="Where it goes; the invoice's state decides if left out.")
    ] = None,
    invoice: Annotated[
        str | None, typer.Option(metavar="in_…", help="The invoice it is about.", autocompletion=ids("invoices"))
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="Of a credit grant: it ends with that day. Never if left out.")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="price_…", help="Of a credit grant, repeatable: all metered prices if left out."),
    ] = None,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Charge or credit a company by hand: an invoice item, its balance, a credit note, or a credit grant.

    A credit grant is for metered prices: Stripe takes it off the invoices of their usage.

    Without --confirm it only shows what it would do, before and after.

    Writes: Stripe, database (with --confirm and LIVE=true)
    Needs: Stripe key, database

    Examples:
    billing adjust co_0001 credit --amount 12.50 --currency usd --reason "Outage on 3 November"
    billing adjust co_0001 credit --amount 50 --currency usd --reason "Slow API in November" --as credit-grant
    LIVE=true billing adjust co_0001 charge --amount 80 --currency usd --reason "Onboarding" --as invoice-item --confirm
    """
    if not reason.strip():
        raise BadInput("An adjustment needs a reason.", 'For example: --reason "Outage on 3 November"')
    if amount.lstrip().startswith("-"):
        raise BadInput("An amount must be more than nothing.", "Charge or credit says which way it goes.")
    money = parse_major(amount, currency_code(currency))
    grant = grant_terms(expires, price or (), _now())
    request = AdjustRequest(company, direction, money, reason, instrument, invoice, grant)
    with open_session(ctx) as session:
        command = _command(session, request, _words(request))
        return carry_out(session, command, WriteOptions(confirm, expect, plan_out, sign_key))


def adjust_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command of a plan file."""
    wanted = AdjustRequest(
        company_id=request["company_id"],
        direction=Direction(request["direction"]),
        money=checked(Money(request["amount_minor"], currency_code(request["currency"]))),
        reason=request["reason"],
        instrument=Instrument(request["instrument"]) if request["instrument"] else None,
        invoice_id=request["invoice_id"],
        grant=terms_of(request["grant"], _now()) if "grant" in request else PLAIN_TERMS,
    )
    return _command(session, wanted, words)


def _command(session: Session, request: AdjustRequest, words: list[str]) -> MoneyCommand:
    from billing_cli import wiring

    planner = wiring.adjustment_planner(session.settings, session.database)
    return MoneyCommand(session, "adjust", words, lambda: planner.plan(request))


def _now() -> datetime:
    from billing_cli import wiring

    return wiring.clock()


def _words(request: AdjustRequest) -> list[str]:
    words = ["adjust", request.company_id, request.direction.value, "--amount", major(request.money)]
    words += ["--currency", request.money.currency, "--reason", request.reason]
    words += ["--as", request.instrument.value] if request.instrument else []
    words += ["--invoice", request.invoice_id] if request.invoice_id else []
    return words + request.grant.words
