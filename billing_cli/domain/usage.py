"""Usage as the database sums it up: per company and meter, and what is skipped with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing_cli.domain.batch import BatchSummary


@dataclass(frozen=True)
class UsageLine:
    """One company and meter over the window. Quantities are exact, in the meter's own unit.

    `sent_rows` and `new_rows` count usage rows; `buckets` counts the hours to be sent, each one event. Of what is
    to be sent, `carried` goes into a later billing period than its own hours', and `unbilled` is in none at all.
    """

    company_id: str
    company_name: str | None
    stripe_customer_id: str | None
    meter: str
    event_name: str | None
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
    unbilled: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    carried_from: str | None = None
    carried_to: str | None = None


@dataclass(frozen=True)
class SkippedRows:
    """Rows that are not sent for one reason; some of their hours may have been sent in part before."""

    reason: str
    usage_rows: int
    sent_rows: int
    buckets: int
    quantity: Decimal
    examples: tuple[str, ...]


@dataclass(frozen=True)
class UsageFacts:
    """What the database says about a window, in one snapshot taken `now` by its clock."""

    now: datetime
    window_rows: int
    undated_rows: int
    company_known: bool
    lines_hash: str
    lines: tuple[UsageLine, ...]
    skipped: tuple[SkippedRows, ...]
    slots: Mapping[str, Mapping[int, Decimal]]
    open_batches: tuple[BatchSummary, ...]


def usage_facts(document: Mapping[str, Any]) -> UsageFacts:
    """Reads the answer of `billing_export_preview_v2`; quantities arrive as text."""
    slots: dict[str, dict[int, Decimal]] = {}
    for slot in document["slots"]:
        slots.setdefault(slot["meter"], {})[slot["slot"]] = Decimal(slot["quantity"])
    return UsageFacts(
        now=datetime.fromisoformat(document["now"]),
        window_rows=document["window_rows"],
        undated_rows=document["undated_rows"],
        company_known=document["company_known"],
        lines_hash=document["lines_hash"],
        lines=tuple(_line(group) for group in document["groups"]),
        skipped=tuple(_skipped(row) for row in document["skipped"]),
        slots=slots,
        open_batches=tuple(BatchSummary.from_document(batch) for batch in document["open_batches"]),
    )


_LINE_QUANTITIES = ("quantity", "accepted", "reserved", "to_send", "corrections", "unbilled", "carried")


def _line(group: Mapping[str, Any]) -> UsageLine:
    values = {**group, **{name: Decimal(group[name]) for name in _LINE_QUANTITIES}}
    values["usual"] = None if group["usual"] is None else Decimal(group["usual"])
    return UsageLine(**values)


def _skipped(row: Mapping[str, Any]) -> SkippedRows:
    return SkippedRows(**{**row, "quantity": Decimal(row["quantity"]), "examples": tuple(row["examples"])})
