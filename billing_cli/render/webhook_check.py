"""The verdict on one webhook."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from billing_cli.domain.webhook_check import WebhookCheck
from billing_cli.domain.webhook_event import WebhookEvent
from billing_cli.domain.webhook_signature import TOLERANCE_S, Failure, Verdict
from billing_cli.render.columns import Facts

_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def why(check: WebhookCheck) -> str | None:
    """What is wrong with it, in a sentence or two; None where it is believed."""
    verdict = check.verdict
    if verdict.failure is Failure.NO_MATCH:
        if check.verifies_when:
            return f"The body is not what Stripe signed: it verifies when {check.verifies_when}."
        return check.shape or (
            "No secret in STRIPE_WEBHOOK_SECRET made this signature: it is the secret of another endpoint or mode, "
            "or the body was changed in a way that is not known here."
        )
    return check.unreadable or _SENTENCES.get(verdict.failure or "", "").format(**_times(verdict)) or None


_SENTENCES: dict[str, str] = {
    Failure.NO_HEADER: "There is no Stripe-Signature header. Give it with --signature or --header-file.",
    Failure.HEADER_UNREADABLE: "The Stripe-Signature header cannot be read; it looks like t=1764000000,v1=5257a8…",
    Failure.NO_SIGNATURE: "The Stripe-Signature header has no v1 signature.",
    Failure.TOO_OLD: "Stripe signed it, but {age} ago; {tolerance} s are allowed. To judge it as of then: --at {t}",
    Failure.IN_THE_FUTURE: "It is signed for a time {age} in the future; {tolerance} s are allowed. A clock is wrong.",
}


def _times(verdict: Verdict) -> dict[str, object]:
    seconds = abs(verdict.age_s or 0)
    age = f"{seconds} s" if seconds < 7200 else f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86400} d"
    return {"age": age, "tolerance": TOLERANCE_S, "t": verdict.timestamp}


@dataclass(frozen=True)
class CheckView:
    """Valid or not, why, and what the event is."""

    check: WebhookCheck

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.check.believed:
            yield Text("Valid: Stripe signed this.", "bold green")
        else:
            yield Text("Not valid.", "bold red").append(f" {why(self.check)}", "not bold default")
        rows = _rows(self.check)
        if rows:
            yield Facts(rows)


def _rows(check: WebhookCheck) -> list[tuple[str, str | Text]]:
    verdict, event = check.verdict, check.event
    rows: list[tuple[str, str | Text]] = []
    if event:
        rows += [("event", event.event_id), ("type", event.event_type), ("created", event.created_at.isoformat())]
        rows += [("livemode", "yes" if event.livemode else "no"), ("form", "thin" if event.thin else "snapshot")]
        rows += [("about", event.object_id)] if event.object_id else []
    if verdict.timestamp is not None and (signed := _moment(verdict.timestamp)):
        rows.append(("signed", f"{signed}, {_age(verdict)}"))
    if verdict.secret_number is not None:
        rows.append(("secret", f"the {_ordinal(verdict.secret_number)} in STRIPE_WEBHOOK_SECRET"))
    return rows


def _age(verdict: Verdict) -> str:
    ago = verdict.age_s or 0
    return f"{ago} s ago" if ago >= 0 else f"{-ago} s ahead"


def _moment(timestamp: int) -> str | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"


def check_document(check: WebhookCheck) -> dict[str, object]:
    return {
        "valid": check.believed,
        "failure": check.verdict.failure or ("no_event" if check.unreadable else None),
        "why": why(check),
        "verifies_when": check.verifies_when,
        "signed_at": None if check.verdict.timestamp is None else _moment(check.verdict.timestamp),
        "age_s": check.verdict.age_s,
        "secret_number": check.verdict.secret_number,
        "event": event_document(check.event) if check.event else None,
    }


def event_document(event: WebhookEvent) -> dict[str, object]:
    renamed = {"customer_id": "stripe_customer_id"}
    return {renamed.get(name, name): value for name, value in event.document().items() if name != "payload"}
