"""Usage as the database sums it up: per receiver, and skipped rows with their reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing_cli.domain.batch import BatchSummary


@dataclass(frozen=True)
class UsageLine:
    """One Stripe customer and event name over the window. Quantities are exact, in the meter's own unit.

    `company_id` and `meter` name where the usage comes from; several are joined with commas. Of `corrections` and of
    what is not in `to_send`, `held_removed` and `held_added` are not sent.

    `sent_rows` and `new_rows` count usage rows; `buckets` counts the hours to be sent, each one event. Of what is
    to be sent, `carried` goes into a later billing period than its own hours', and `unbilled` is in none at all.
    """

    company_id: str
    company_name: str | None
    stripe_customer_id: str
    meter: str
    event_name: str
    usage_rows: int
    sent_rows: int
    new_rows: int
    quantity: Decimal
    accepted: Decimal
    reserved: Decimal
    to_send: Decimal
    corrections: Decimal
    buckets: int
    correction_buckets: int
    usual: Decimal | None
    held_added: Decimal = Decimal(0)
    held_removed: Decimal = Decimal(0)
    unbilled: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    carried_from: str | None = None
    carried_to: str | None = None


@dataclass(frozen=True)
class SkippedRows:
    """Rows that are not sent for one reason; some of their hours may have been sent in part before.

    `added` and `removed` are kept apart: a credit due to one customer does not pay the debt of another.
    """

    reason: str
    usage_rows: int
    sent_rows: int
    buckets: int
    quantity: Decimal
    added: Decimal
    removed: Decimal
    examples: tuple[str, ...]


@dataclass(frozen=True)
class OddRows:
    """Usage rows without a time, with one in the future or at infinity, or before 2010 or at minus infinity."""

    undated: int = 0
    future: int = 0
    ancient: int = 0


@dataclass(frozen=True)
class UsageFacts:
    """What the database says about a window, in one snapshot taken `now` by its clock."""

    now: datetime
    window_rows: int
    odd_rows: OddRows
    company_known: bool
    lines_hash: str
    lines: tuple[UsageLine, ...]
    skipped: tuple[SkippedRows, ...]
    slots: Mapping[str, Mapping[int, Decimal]]
    open_batches: tuple[BatchSummary, ...]
    last_opened_at: datetime | None = None


def usage_facts(document: Mapping[str, Any]) -> UsageFacts:
    """Reads the answer of `billing_export_preview_v3`; quantities arrive as text."""
    slots: dict[str, dict[int, Decimal]] = {}
    for slot in document["slots"]:
        slots.setdefault(slot["event_name"], {})[slot["slot"]] = Decimal(slot["quantity"])
    return UsageFacts(
        now=datetime.fromisoformat(document["now"]),
        window_rows=document["window_rows"],
        odd_rows=OddRows(**document["odd_rows"]),
        company_known=document["company_known"],
        lines_hash=document["lines_hash"],
        lines=tuple(_line(group) for group in document["groups"]),
        skipped=tuple(_skipped(row) for row in document["skipped"]),
        slots=slots,
        open_batches=tuple(BatchSummary.from_document(batch) for batch in document["open_batches"]),
        last_opened_at=_instant(document.get("last_opened_at")),
    )


_LINE_QUANTITIES = (
    "quantity", "accepted", "reserved", "to_send", "corrections", "held_added", "held_removed", "unbilled", "carried",
)  # fmt: skip


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _line(group: Mapping[str, Any]) -> UsageLine:
    values = {**group, **{name: Decimal(group[name]) for name in _LINE_QUANTITIES}}
    values["usual"] = None if group["usual"] is None else Decimal(group["usual"])
    return UsageLine(**values)


def _skipped(row: Mapping[str, Any]) -> SkippedRows:
    values = {name: Decimal(row[name]) for name in ("quantity", "added", "removed")}
    return SkippedRows(**{**row, **values, "examples": tuple(row["examples"])})
