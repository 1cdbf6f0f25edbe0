"""`billing download-invoice`: the PDF of one invoice, or of all of a month."""

from pathlib import Path
from typing import Annotated

import typer

from billing_cli.cli.completion import ids
from billing_cli.cli.outcome import EXIT_FOUND_WRONG, EXIT_PARTLY_DONE
from billing_cli.cli.session import Session, open_session
from billing_cli.domain.errors import BadInput
from billing_cli.domain.invoice_file import FileState, ManifestLine, file_name
from billing_cli.domain.period import Window, window_from_month


def download_invoice(
    ctx: typer.Context,
    company: Annotated[
        str | None,
        typer.Argument(metavar="COMPANY", help="With --month, all if left out.", autocompletion=ids("companies")),
    ] = None,
    invoice: Annotated[
        str | None, typer.Argument(metavar="INVOICE", help="in_…", autocompletion=ids("invoices"))
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Every invoice created in this month, UTC.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="A file or directory; .zip makes a zip file.")
    ] = None,
) -> int:
    """Download invoices as PDF. A second run fetches only what is missing or has changed.

    Writes: files, here or where -o says
    Needs: Stripe key, database

    Examples:
    billing download-invoice co_0001 in_seed_0001_1
    billing download-invoice --month 2026-10 -o october.zip
    """
    if month is None:
        if company is None or invoice is None:
            raise BadInput(
                "Say which: a company and an invoice, or --month.",
                "For example: billing download-invoice COMPANY in_…",
            )
        with open_session(ctx) as session:
            return _one(session, company, invoice, output)
    if invoice is not None:
        raise BadInput("Give an invoice or a month, not both.")
    window = window_from_month(month)
    with open_session(ctx) as session:
        return _month(session, company, window, output or Path(f"invoices-{month}"))


def _one(session: Session, company: str, invoice_id: str, output: Path | None) -> int:
    from rich.text import Text

    from billing_cli import wiring
    from billing_cli.cli.progress import ConsoleProgress

    downloader = wiring.invoice_downloader(
        session.settings, session.database, ConsoleProgress(session.state, "invoices")
    )
    invoice, owner, content = downloader.one(company, invoice_id)
    name = file_name(invoice, owner.company_id)
    path = output / name if output and output.is_dir() else output or Path(name)
    wiring.write_file(path, content)
    document: dict[str, object] = {"place": str(path), "invoice_id": invoice_id, "bytes": len(content)}
    session.state.emit("invoice-file", document, Text(str(path)))
    return 0


def _month(session: Session, company: str | None, window: Window, output: Path) -> int:
    from billing_cli import wiring
    from billing_cli.cli.progress import ConsoleProgress
    from billing_cli.render.download import lines_document, render_lines

    store = wiring.file_store(output)
    with ConsoleProgress(session.state, "invoices") as progress:
        downloader = wiring.invoice_downloader(session.settings, session.database, progress)
        lines = downloader.month(window.start, window.end, company, store)
    session.state.emit("invoice-files", lines_document(lines, str(output)), render_lines(lines, str(output)))
    return _exit_code(lines)


def _exit_code(lines: list[ManifestLine]) -> int:
    """5 if the same command may fetch more, 3 if an invoice has no PDF, or what came is none."""
    states = {line.state for line in lines}
    if FileState.FAILED in states:
        return EXIT_PARTLY_DONE
    return EXIT_FOUND_WRONG if FileState.SKIPPED in states else 0
