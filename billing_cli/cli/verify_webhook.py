"""`billing verify-webhook`: did Stripe sign this, and if not, why not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_cli.cli.input_files import MOST_WEBHOOK_BYTES, read_input, read_stdin
from billing_cli.cli.options import Confirm, Expect, WriteOptions
from billing_cli.cli.outcome import EXIT_FOUND_WRONG
from billing_cli.cli.state import state_of
from billing_cli.domain.errors import BadInput

if TYPE_CHECKING:
    from billing_cli.domain.captured_request import Captured


STDIN = Path("-")


def verify_webhook(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The raw body, or a whole HTTP request.")] = STDIN,
    signature: Annotated[str | None, typer.Option(metavar="H", help="The Stripe-Signature header.")] = None,
    header_file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file with the header in it.")] = None,
    at: Annotated[str | None, typer.Option(metavar="T", help="Judge as of then: ISO 8601, or epoch seconds.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep the verified event in billing_webhooks.")] = False,
    confirm: Confirm = False,
    expect: Expect = None,
) -> int:
    """Check a webhook's signature and say why it fails. Works offline; exit 3 where it is not Stripe's.

    Writes: nothing; with --store, database (with --confirm and LIVE=true)
    Needs: webhook secret; with --store, database

    Examples:
    billing verify-webhook body.json --signature "t=1764000000,v1=5257a869e7ecebed"
    billing verify-webhook request.http --at 2026-11-24T09:00Z
    """
    from billing_cli.domain.webhook_check import check_webhook
    from billing_cli.render.webhook_check import CheckView, check_document

    state = state_of(ctx)
    settings = state.settings()
    captured = _captured(file, signature, header_file)
    check = check_webhook(captured, settings.webhook_secrets(), _instant_s(at))
    if check.event is None or not check.believed or not store:
        if store:
            state.err.print("Not stored: only what Stripe signed is kept.", soft_wrap=True)
        state.emit("webhook-check", check_document(check), CheckView(check))
        return 0 if check.believed else EXIT_FOUND_WRONG
    from billing_cli.cli.webhook_keep import store_event

    words = ["verify-webhook", *_words(file, header_file, signature, at), "--store"]
    return store_event(ctx, check.event, words, WriteOptions(confirm, expect))


def read_body(file: Path) -> bytes:
    """The file's bytes, or stdin's for `-`. Raises BadInput if it cannot be read, or is too large for an event."""
    next_step = "Name the file with the raw body."
    if file == STDIN:
        return read_stdin(MOST_WEBHOOK_BYTES, next_step)
    return read_input(file, MOST_WEBHOOK_BYTES, next_step)


def _captured(file: Path, signature: str | None, header_file: Path | None) -> "Captured":
    from billing_cli.domain.captured_request import Captured, joined, read_captured, signature_in

    if signature is not None and header_file is not None:
        raise BadInput("--signature and --header-file exclude each other.")
    found = read_captured(read_body(file))
    if header_file is not None:
        signature = signature_in(read_body(header_file).decode("latin-1"))
    return Captured(found.payload, joined(signature) if signature is not None else found.signature)


def _instant_s(text: str | None) -> int:
    """Epoch seconds; now where nothing is given."""
    if text is None:
        return int(datetime.now(UTC).timestamp())
    if text.isascii() and text.isdigit() and len(text) < 12:
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--at {text!r} is no instant.", "Write 2026-11-24T09:00Z or epoch seconds.") from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def _words(file: Path, header_file: Path | None, signature: str | None, at: str | None) -> list[str]:
    given = {"--header-file": header_file, "--signature": signature, "--at": at}
    return [str(file), *(word for name, value in given.items() if value is not None for word in (name, str(value)))]
