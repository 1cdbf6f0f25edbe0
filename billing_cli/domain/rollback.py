"""Taking a batch back: which of its events Stripe can be told to forget, and what to do about the others."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchRun, BatchSummary
from billing_cli.domain.errors import BadInput
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import digest_of
from billing_cli.domain.quantity import plain


@dataclass(frozen=True)
class Fate:
    """What a rollback makes of an item. `mend`: what it billed stays billed unless somebody acts."""

    sentence: str
    mend: bool
    next_step: str = ""


# By the names of billing_rollback_items_v1, in the order in which they are shown.
FATES: dict[str, Fate] = {
    "cancel": Fate("Stripe is told to forget them", False),
    "cancelling": Fate("Stripe may have been told to forget them, and is told again", False),
    "late": Fate(
        "beyond the 24 h in which Stripe cancels",
        True,
        "while its invoice is not final, correct the usage and export it; after that, give credit:",
    ),
    "total": Fate("each states a whole total, which only another total takes back", True, "correct the usage, then:"),
    "ambiguous": Fate("nobody knows whether Stripe counts them", True, "find out:"),
    "missing": Fate("Stripe took them, and its totals do not have them", True, "find out:"),
    "overtaken": Fate("a later value has taken their place, so they do not count any more", False),
    "corrected": Fate("a later export has taken them back; roll that one back first, if it was wrong", False),
    "rejected": Fate("Stripe never counted them", False),
    "cancelled": Fate("Stripe was told to forget them", False),
}
_TO_CANCEL = ("cancel", "cancelling")


@dataclass(frozen=True)
class RollbackLine:
    """The items of one Stripe customer, event name and origin that share a fate.

    `is_companys`: the customer is the company's present one, so commands for the company reach it.
    `quantity` is what they added to the sent usage; `cancel_left_s` how long Stripe cancels the oldest of them,
    in seconds on the database's clock; `error` why Stripe refused to cancel one, if it did.
    """

    company_id: str
    meter: str
    stripe_customer_id: str
    event_name: str
    is_companys: bool
    fate: str
    events: int
    quantity: Decimal
    cancel_left_s: int | None
    error: str | None


@dataclass(frozen=True)
class RollbackPlan:
    """To have Stripe forget what it can of one batch. `last_events` are its meters' that keep a last value."""

    batch: BatchSummary
    identity: StripeIdentity
    last_events: tuple[str, ...]
    lines: tuple[RollbackLine, ...]
    items_hash: str
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = "batches rollback"

    @property
    def request(self) -> Mapping[str, object]:
        return {"batch": self.batch.batch_id}

    @property
    def events(self) -> int:
        return sum(line.events for line in self.lines if line.fate in _TO_CANCEL)

    @property
    def empty(self) -> bool:
        return not self.events and self.batch.state == "done"


@dataclass(frozen=True)
class Rollback:
    """How a rollback ended: the run, and what its batch is now."""

    run: BatchRun
    lines: tuple[RollbackLine, ...]

    @property
    def kept(self) -> list[RollbackLine]:
        """What is billed still, or may be: refused by Stripe, or out of a rollback's reach."""
        refused = "cancel" if self.run.finished else ""
        return [line for line in self.lines if FATES[line.fate].mend or line.fate == refused]


def plan_rollback(
    identity: StripeIdentity, last_events: tuple[str, ...], batch: BatchSummary, document: Mapping[str, Any]
) -> RollbackPlan:
    """The plan that follows from `billing_rollback_preview_v1`.

    Raises BadInput for a batch that is open: what may still be sent cannot be taken back.
    """
    if batch.state == "open":
        raise BadInput(
            f"Batch {batch.batch_id} is open: {batch.pending} of its events were not sent yet, "
            f"and {batch.sending} may have been.",
            f"Finish it first: {batch.next_command}",
        )
    lines = rollback_lines(document)
    changes = {
        "batch": batch.batch_id,
        "items": document["items_hash"],
        # So that a difference can be named; the hash alone would only say that there is one.
        "cancels": {
            f"{line.stripe_customer_id} {line.event_name}": plain(line.quantity)
            for line in lines
            if line.fate == "cancel"
        },
        "asks_again": sum(line.events for line in lines if line.fate == "cancelling"),
    }
    digest = digest_of("batches rollback", identity, changes)
    return RollbackPlan(batch, identity, last_events, lines, document["items_hash"], changes, digest)


def rollback_lines(document: Mapping[str, Any]) -> tuple[RollbackLine, ...]:
    """Company by company; quantities arrive as text."""
    lines = (RollbackLine(**{**line, "quantity": Decimal(line["quantity"])}) for line in document["lines"])
    order = list(FATES)
    return tuple(sorted(lines, key=lambda line: (line.company_id, line.meter, order.index(line.fate))))


def remedies(batch: BatchSummary, line: RollbackLine) -> list[str]:
    """What an operator would type about a line that stays billed, or may be."""
    first_company, first_meter = line.company_id.split(", ")[0], line.meter.split(", ")[0]
    # Corrects at the customer that has the usage, whichever customer the company has now.
    correct = f"{_export(batch, '--company', first_company, '--meter', first_meter)} --allow-corrections"
    if not line.is_companys and line.fate in ("cancel", "late"):
        return [correct]
    credit = f"billing adjust {shlex.quote(first_company)} credit --amount AMOUNT --currency CURRENCY"
    credit += " --reason REASON --as credit-note --invoice INVOICE"
    if line.fate == "cancel":
        return [f"billing batches rollback {batch.batch_id}", correct, credit]
    if line.fate == "late":
        return [correct, credit]
    if line.fate == "total":
        return [correct]
    return [f"billing batches show {batch.batch_id} --state {line.fate}"]


def resend_command(batch: BatchSummary) -> str:
    """The export that sends again what was taken back."""
    return f"{_export(batch)} --resend-rolled-back"


def _export(batch: BatchSummary, *words: str) -> str:
    window = ["--start", _instant(batch.window_start), "--end", _instant(batch.window_end)]
    return shlex.join(["billing", "export", *window, *words])


def _instant(text: str) -> str:
    """An instant of the database as `export` reads it."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%dT%H:%MZ}"
