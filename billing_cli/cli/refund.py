"""`billing refund`: money back for one payment, or for a file of them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.input_files import MOST_CSV_BYTES, read_spreadsheet
from billing_cli.cli.money import MoneyCommand
from billing_cli.cli.options import Confirm, Expect, PlanOut, SignKey, WriteOptions
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.refund_result import ResultFile
from billing_cli.cli.session import Session, open_session
from billing_cli.cli.write import carry_out
from billing_cli.domain.errors import BadInput
from billing_cli.domain.refund import RefundLine, RefundReason, Via
from billing_cli.domain.refund_file import convention_of, read_refund_lines
from billing_cli.domain.written_amount import Convention


def refund(
    ctx: typer.Context,
    company: Annotated[
        str | None, typer.Argument(metavar="COMPANY", help="Whose payment it is.", autocompletion=ids("companies"))
    ] = None,
    payment: Annotated[
        str | None, typer.Argument(metavar="PAYMENT_INTENT", help="pi_…", autocompletion=ids("payments"))
    ] = None,
    amount: Annotated[str | None, typer.Option(metavar="12.50", help="Part of it, in major units.")] = None,
    amount_minor: Annotated[int | None, typer.Option(min=1, metavar="1250", help="Part of it, in minor units.")] = None,
    reason: Annotated[RefundReason | None, typer.Option(help="Why, in Stripe's words.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in yours; kept in the database only.")] = None,
    via: Annotated[Via, typer.Option(help="credit-note keeps the tax of a paid invoice right.")] = Via.REFUND,
    from_csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Many: columns payment, reason; amount, note, company.")
    ] = None,
    result: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What became of each line; FILE.result.csv if left out.")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="What Stripe says of its refunds now.")] = False,
    confirm: Confirm = False,
    expect: Expect = None,
    plan_out: PlanOut = None,
    sign_key: SignKey = None,
) -> int:
    """Give money back: all that remains of a payment, or a part.

    Without --confirm it only shows what it would do. A run that was killed is finished by the same command.

    Writes: Stripe, database (with --confirm and LIVE=true); with --from-csv, a file with the results
    Needs: Stripe key, database

    Examples:
    billing refund co_0001 pi_seed_0001_1 --amount 12.50 --reason requested_by_customer
    LIVE=true billing refund co_0001 pi_seed_0001_1 --amount 12.50 --reason requested_by_customer --confirm
    LIVE=true billing refund --from-csv incident.csv --confirm
    billing refund co_0001 pi_seed_0001_1 --status
    """
    options = WriteOptions(confirm, expect, plan_out, sign_key)
    if status:
        from billing_cli.cli.refund_status import refund_status

        return refund_status(ctx, _named(company), _named(payment), options)
    with open_session(ctx) as session:
        if from_csv is None:
            command = _of_one(session, company, payment, reason, amount, amount_minor, note, via)
        elif company or payment or amount or amount_minor or reason or note:
            raise BadInput("With --from-csv everything else stands in the file.", "Leave the other words out.")
        else:
            command = _of_file(session, from_csv, via, result)
        return carry_out(session, command, options) or (EXIT_FOUND_WRONG if command.any_failed else 0)


def refund_from(session: Session, request: Mapping[str, Any], words: list[str]) -> MoneyCommand:
    """The command of a plan file."""
    lines = [RefundLine(**{**line, "reason": RefundReason(line["reason"])}) for line in request["lines"]]
    return _command(session, lines, Via(request["via"]), words, None)


def _of_one(
    session: Session,
    company: str | None,
    payment: str | None,
    reason: RefundReason | None,
    amount: str | None,
    amount_minor: int | None,
    note: str | None,
    via: Via,
) -> MoneyCommand:
    if reason is None:
        raise BadInput("A refund needs a reason.", f"Add --reason {' | '.join(RefundReason)}")
    _refuse_swapped(company, payment)
    line = RefundLine(_named(payment), reason, _named(company), amount, amount_minor, note)
    return _command(session, [line], via, _words(line, via), None)


def _of_file(session: Session, path: Path, via: Via, result: Path | None) -> MoneyCommand:
    text = read_spreadsheet(path, MOST_CSV_BYTES, "Check --from-csv; save it as CSV in UTF-8.")
    lines = read_refund_lines(text)
    words = ["refund", "--from-csv", str(path), *_via_words(via), *(["--result", str(result)] if result else [])]
    report = ResultFile(session.state, lines, result or path.with_suffix(".result.csv"), words)
    return _command(session, lines, via, words, report, lambda: convention_of(text))


def _command(
    session: Session,
    lines: Sequence[RefundLine],
    via: Via,
    words: list[str],
    report: ResultFile | None,
    convention: Callable[[], Convention | None] = lambda: None,
) -> MoneyCommand:
    """`convention` makes one for each plan: it is narrowed by the amounts that it reads."""
    from billing_cli import wiring

    planner = wiring.refund_planner(session.settings, session.database)
    return MoneyCommand(
        session, "refund", words, lambda: planner.plan(lines, via, convention()), report, report is not None
    )


def _named(word: str | None) -> str:
    if word is None:
        raise BadInput(
            "A refund needs a company and a payment.",
            "For example: billing refund COMPANY pi_… --reason requested_by_customer",
        )
    return word


def _refuse_swapped(company: str | None, payment: str | None) -> None:
    if company and payment and company.startswith("pi_") and not payment.startswith("pi_"):
        raise BadInput(
            "The company comes before the payment.", f"Type: {shlex.join(['billing', 'refund', payment, company])} …"
        )


def _via_words(via: Via) -> list[str]:
    return ["--via", via.value] if via is not Via.REFUND else []


def _words(line: RefundLine, via: Via) -> list[str]:
    words = ["refund", line.company_id or "", line.payment_intent_id]
    words += ["--amount", line.amount] if line.amount else []
    words += ["--amount-minor", str(line.amount_minor)] if line.amount_minor else []
    words += ["--reason", line.reason.value, *_via_words(via)]
    return words + (["--note", line.note] if line.note else [])
